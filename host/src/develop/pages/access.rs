//! Access control: only this machine, by one of its own names, from a page of this site.
//!
//! The checks on names and origins are against pages from elsewhere in a local browser. They could send requests
//! through another name for this address (DNS rebinding) or with a form.

use std::net::IpAddr;

use http::{HeaderMap, header};
use stackup_plugin::abi::host::Connection;

/// Whether a request may read.
///
/// # Errors
///
/// Why not, and what to do.
pub(super) fn may_read(ends: Connection, headers: &HeaderMap) -> Result<(), &'static str> {
    // A unix socket has no remote address; the permissions of its file decide.
    if ends.remote.is_some_and(|remote| !is_loopback(remote.ip())) {
        return Err("`/_stackup/` accepts connections from this machine only\n\
             help: open a tunnel, for instance with `ssh -L 9292:127.0.0.1:9292`");
    }
    match text(headers, header::HOST) {
        Some(host) if is_local_name(host) => Ok(()),
        _ => Err("`/_stackup/` accepts no request for this `Host`\n\
             help: use `localhost`, `127.0.0.1` or `[::1]`"),
    }
}

/// Whether a request may write, if it may read.
///
/// # Errors
///
/// Why not.
pub(super) fn may_write(headers: &HeaderMap) -> Result<(), &'static str> {
    let host = text(headers, header::HOST).unwrap_or_default();
    let same = |origin: &str| origin.strip_prefix("http://") == Some(host);
    match text(headers, header::ORIGIN) {
        Some(origin) if same(origin) => Ok(()),
        _ => Err(
            "only the inspector's own page may change the manifest: `Origin` is missing or names another site",
        ),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether a `Host` is a name that can only mean this machine (RFC 6761 §6.3).
fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => is_loopback(address),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(remote: &str, host: &str) -> bool {
        let ends = Connection {
            https: false,
            remote: Some(remote.parse().unwrap()),
            local: None,
        };
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        may_read(ends, &headers).is_ok()
    }

    #[test]
    fn only_local_connections_by_local_names_may_read() {
        for host in [
            "localhost",
            "LOCALHOST:9292",
            "app.localhost:1",
            "127.0.0.1:9292",
            "[::1]:9292",
            "[::1]",
        ] {
            assert!(reads("127.0.0.1:5", host), "{host}");
            assert!(reads("[::ffff:127.0.0.1]:5", host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "xlocalhost",
        ] {
            assert!(!reads("127.0.0.1:5", host), "{host}");
        }
        assert!(!reads("10.0.0.1:5", "localhost"));
        assert!(may_read(Connection::default(), &HeaderMap::new()).is_err());
    }

    #[test]
    fn only_the_own_origin_may_write() {
        let headers = |origin: Option<&str>| {
            let host = (header::HOST, "localhost:9292".parse().unwrap());
            let origin = origin.map(|origin| (header::ORIGIN, origin.parse().unwrap()));
            HeaderMap::from_iter([host].into_iter().chain(origin))
        };
        assert!(may_write(&headers(Some("http://localhost:9292"))).is_ok());
        for origin in [
            None,
            Some("null"),
            Some("http://localhost:9293"),
            Some("https://localhost:9292"),
            Some("http://evil.example"),
        ] {
            assert!(may_write(&headers(origin)).is_err(), "{origin:?}");
        }
    }
}
