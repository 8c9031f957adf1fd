//! The host and port of an authority: one reading of it for the host and every plugin, so that no two of them disagree
//! on whom a request is for.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv6Addr};

/// The host and port of a `host` header, an `:authority` or an absolute-form target (RFC 9110 §7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    /// A name without the dot of the root, or an address; IPv6 in its brackets. Never empty.
    pub host: &'a str,
    /// None if there is none, or only its colon.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Parses `host`, `host:port` or `[address]:port`. None for anything else: userinfo, a path, an empty host, an
    /// address with something behind its bracket.
    pub fn parse(text: &'a str) -> Option<Self> {
        let end = match text.strip_prefix('[') {
            Some(rest) => {
                let end = rest.find(']')?;
                rest[..end].parse::<Ipv6Addr>().ok()?;
                end + 2
            }
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at(end);
        let host = match host.starts_with('[') {
            true => host,
            false => {
                let name = host.strip_suffix('.').unwrap_or(host);
                is_name(name).then_some(name)?
            }
        };
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return None,
            Some("") => None,
            // `parse` accepts a sign.
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
        };
        Some(Self { host, port })
    }

    /// The host, if it is an address. IPv4 in IPv6 is IPv4.
    pub fn address(&self) -> Option<IpAddr> {
        let bare = self.host.strip_prefix('[');
        let bare = bare.and_then(|host| host.strip_suffix(']'));
        let address: IpAddr = bare.unwrap_or(self.host).parse().ok()?;
        Some(address.to_canonical())
    }
}

/// Whether this may be a registered name (RFC 3986 §3.2.2).
fn is_name(text: &str) -> bool {
    let mark = |byte: u8| b"-._~!$&'()*+,;=%".contains(&byte);
    let part_of_name = |byte: u8| byte.is_ascii_alphanumeric() || mark(byte);
    !text.is_empty() && text.bytes().all(part_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_parted() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("example.com:80", "example.com", Some(80)),
            ("example.com:", "example.com", None),
            ("example.com.:80", "example.com", Some(80)),
            ("127.0.0.1:9292", "127.0.0.1", Some(9292)),
            ("[::1]", "[::1]", None),
            ("[::1]:9292", "[::1]", Some(9292)),
            ("a_b", "a_b", None),
        ] {
            assert_eq!(Authority::parse(text), Some(Authority { host, port }));
        }
    }

    #[test]
    fn what_is_no_authority_has_no_host() {
        for text in [
            "",
            ".",
            ":80",
            "[x.localhost]evil.com",
            "[::1]evil.com",
            "[::1]evil.com:80",
            "[::1].localhost",
            "[::1",
            "[]",
            "[127.0.0.1]",
            "[::1%25lo]",
            "::1",
            "localhost:80:80",
            "localhost:+80",
            "localhost:65536",
            "localhost:80@evil.com",
            "user@localhost",
            "localhost/x",
            "localhost\\x",
            "localhost#x",
            "localhost?x",
            "local host",
            "localhost, evil.com",
            "localh\u{f6}st",
        ] {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_are_compared_as_addresses() {
        let address = |text| Authority::parse(text)?.address();
        for text in ["127.0.0.1:1", "[::ffff:127.0.0.1]", "[0:0::ffff:7f00:1]:1"] {
            assert_eq!(address(text), "127.0.0.1".parse().ok(), "{text}");
        }
        assert_eq!(address("[::1]"), "::1".parse().ok());
        assert_eq!(address("0x7f.1"), None);
        assert_eq!(address("localhost"), None);
    }
}
