//! Who may look: this machine, by a name of this machine, from a page of this site.
//!
//! A page from elsewhere that a browser here has open could ask, too: by another name that leads to
//! this address (DNS rebinding), or by a form.

use std::net::IpAddr;

use http::{HeaderMap, header};
use stackup_plugin::abi::host::Connection;

/// Whether a request for something to look at may be answered.
///
/// # Errors
///
/// Why not, and what to do.
pub(super) fn may_look(ends: Connection, headers: &HeaderMap) -> Result<(), &'static str> {
    // A unix socket has no other end to name; its file says who may connect.
    if ends.remote.is_some_and(|remote| !is_here(remote.ip())) {
        return Err(
            "only this machine may look at `/_stackup/`: open it through a tunnel, \
                    as with `ssh -L 9292:127.0.0.1:9292`",
        );
    }
    match text(headers, header::HOST) {
        Some(host) if names_here(host) => Ok(()),
        _ => Err(
            "`/_stackup/` answers to `localhost`, `127.0.0.1` and `[::1]` alone: \
                  ask for it by one of these names",
        ),
    }
}

/// Whether a request that changes something may be answered, besides.
///
/// # Errors
///
/// Why not.
pub(super) fn may_change(headers: &HeaderMap) -> Result<(), &'static str> {
    let host = text(headers, header::HOST).unwrap_or_default();
    let same = |origin: &str| origin.strip_prefix("http://") == Some(host);
    match text(headers, header::ORIGIN) {
        Some(origin) if same(origin) => Ok(()),
        _ => Err("only the page at `/_stackup/` may change the manifest: `Origin` must be its own"),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether a `Host` is this machine's by its very name (RFC 6761 §6.3).
fn names_here(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => is_here(address),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(remote: &str, host: &str) -> bool {
        let ends = Connection {
            remote: Some(remote.parse().unwrap()),
            local: None,
        };
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        may_look(ends, &headers).is_ok()
    }

    #[test]
    fn this_machine_may_look_by_a_name_of_its_own() {
        for host in [
            "localhost",
            "LOCALHOST:9292",
            "app.localhost:1",
            "127.0.0.1:9292",
            "[::1]:9292",
            "[::1]",
        ] {
            assert!(look("127.0.0.1:5", host), "{host}");
            assert!(look("[::ffff:127.0.0.1]:5", host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "xlocalhost",
        ] {
            assert!(!look("127.0.0.1:5", host), "{host}");
        }
        assert!(!look("10.0.0.1:5", "localhost"));
        assert!(may_look(Connection::default(), &HeaderMap::new()).is_err());
    }

    #[test]
    fn only_its_own_page_may_change_something() {
        let headers = |origin: Option<&str>| {
            let host = (header::HOST, "localhost:9292".parse().unwrap());
            let origin = origin.map(|origin| (header::ORIGIN, origin.parse().unwrap()));
            HeaderMap::from_iter([host].into_iter().chain(origin))
        };
        assert!(may_change(&headers(Some("http://localhost:9292"))).is_ok());
        for origin in [
            None,
            Some("null"),
            Some("http://localhost:9293"),
            Some("https://localhost:9292"),
            Some("http://evil.example"),
        ] {
            assert!(may_change(&headers(origin)).is_err(), "{origin:?}");
        }
    }
}
