//! Where a map applies.

use authority::Authority;
use http::{HeaderMap, Uri, header};
use stackup_plugin::path::PathPrefix;

/// The path and host of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    path: PathPrefix,
    /// Lower case, with or without a port.
    host: Option<String>,
}

impl Location {
    /// The location of a map with this path and host.
    pub fn new(path: PathPrefix, host: Option<&str>) -> Self {
        Self {
            path,
            host: host.map(str::to_ascii_lowercase),
        }
    }

    /// Sorts the location that matches a request before others that do.
    pub(super) fn order(&self) -> impl Ord + use<> {
        let host = self.host.as_ref().map_or(0, String::len);
        std::cmp::Reverse((host, self.len()))
    }

    /// The length of its path in bytes.
    pub(super) fn len(&self) -> usize {
        self.path.as_str().len()
    }

    /// Whether it matches a request to `host` (with its port, if it has one) whose path from here on is `path`, in canonical
    /// form.
    pub(super) fn matches(&self, host: Option<&str>, path: &str) -> bool {
        self.path.covers(path) && self.matches_host(host)
    }

    /// Whether it matches a request to `host` (with its port, if it has one).
    fn matches_host(&self, host: Option<&str>) -> bool {
        let Some(own) = &self.host else { return true };
        let (own, asked) = (Authority::parse(own), host.and_then(Authority::parse));
        let Some((own, asked)) = own.zip(asked) else {
            return false;
        };
        own.host.eq_ignore_ascii_case(asked.host) && (own.port.is_none() || own.port == asked.port)
    }
}

/// The host that a request asks for, with its port if it names one.
pub(super) fn requested_host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(http::uri::Authority::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_root(host: &str) -> Location {
        Location::new(PathPrefix::new("/").unwrap(), Some(host))
    }

    #[test]
    fn host_matches_with_and_without_port() {
        let plain = at_root("Example.com");
        assert!(
            plain.matches_host(Some("example.COM")) && plain.matches_host(Some("example.com:80"))
        );
        assert!(!plain.matches_host(Some("www.example.com")) && !plain.matches_host(None));
        let with_port = at_root("example.com:8080");
        assert!(with_port.matches_host(Some("example.com:8080")));
        assert!(!with_port.matches_host(Some("example.com")));
    }

    #[test]
    fn host_is_read_as_everywhere() {
        let plain = at_root("example.com");
        assert!(plain.matches_host(Some("example.com.")), "the root's dot");
        for host in [
            "[example.com]",
            "[::1]example.com",
            "x@example.com",
            "example.com:80:80",
        ] {
            assert!(!plain.matches_host(Some(host)), "{host}");
        }
        let address = at_root("[::1]");
        assert!(address.matches_host(Some("[::1]:80")) && address.matches_host(Some("[::1]")));
        assert!(!address.matches_host(Some("[::1]evil.com")));
    }
}
