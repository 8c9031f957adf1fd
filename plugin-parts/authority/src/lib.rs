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
        if !is_valid(text.as_bytes()) {
            return None;
        }
        let end = match text.starts_with('[') {
            true => text.find(']')? + 1,
            false => text.find(':').unwrap_or(text.len()),
        };
        let (host, port) = text.split_at(end);
        Some(Self {
            host: host.strip_suffix('.').unwrap_or(host),
            port: port.strip_prefix(':').and_then(|port| port.parse().ok()),
        })
    }

    /// The host, if it is an address. IPv4 in IPv6 is IPv4.
    pub fn address(&self) -> Option<IpAddr> {
        let bare = self.host.strip_prefix('[');
        let bare = bare.and_then(|host| host.strip_suffix(']'));
        let address: IpAddr = bare.unwrap_or(self.host).parse().ok()?;
        Some(address.to_canonical())
    }
}

/// Whether this is a host that is not empty, and possibly a port (RFC 9110 §7.2, RFC 3986 §3.2.2).
#[inline]
pub fn is_valid(text: &[u8]) -> bool {
    let name = text.iter().position(|byte| !NAME[usize::from(*byte)]);
    match name {
        // The root has no host.
        None => !text.is_empty() && text != b".",
        Some(1) if text[0] == b'.' => false,
        Some(0) => text[0] == b'[' && is_address(&text[1..]) || text[0] == b'%' && is_encoded(text),
        Some(end) if text[end] == b':' => is_port(&text[end + 1..]),
        Some(_) => is_encoded(text),
    }
}

/// The bytes of a registered name, without escapes.
const NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        name[byte] = matches!(byte as u8, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~'
            | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
        byte += 1;
    }
    name
};

/// A registered name with escapes, and possibly a port.
fn is_encoded(text: &[u8]) -> bool {
    let end = text.iter().position(|byte| *byte == b':');
    let (mut rest, port) = match end {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[][..]),
    };
    loop {
        rest = match rest {
            [] => return is_port(port),
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..] if NAME[usize::from(*byte)] => rest,
            _ => return false,
        }
    }
}

/// What follows the `[` of an IPv6 address.
fn is_address(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).ok();
    let Some((address, port)) = text.and_then(|text| text.split_once(']')) else {
        return false;
    };
    let port = match port.strip_prefix(':') {
        Some(port) => is_port(port.as_bytes()),
        None => port.is_empty(),
    };
    port && address.parse::<Ipv6Addr>().is_ok()
}

/// Whether this is a port; an empty one is the scheme's own.
fn is_port(text: &[u8]) -> bool {
    let mut port = 0_u32;
    for byte in text {
        if !byte.is_ascii_digit() {
            return false;
        }
        port = port * 10 + u32::from(byte - b'0');
        if port > u32::from(u16::MAX) {
            return false;
        }
    }
    true
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
            ("a%41:0", "a%41", Some(0)),
            ("%41", "%41", None),
        ] {
            assert_eq!(Authority::parse(text), Some(Authority { host, port }));
        }
    }

    #[test]
    fn what_is_no_authority_has_no_host() {
        for text in [
            "",
            ".",
            ".:80",
            "%",
            "a%4",
            "a%zz:80",
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
