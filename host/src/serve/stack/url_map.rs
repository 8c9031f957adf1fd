//! Which map matches a request: the rule of Rack's URLMap.

use authority::Authority;
use stackup_plugin::abi::host::{HostRequest, Node, Router};
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

/// Routes by host and path: those with a host first, then the longest path.
pub struct UrlMap {
    branches: Vec<(Location, Node)>,
    fallback: Node,
}

impl UrlMap {
    /// `fallback` gets the requests that no branch matches.
    pub fn new(mut branches: Vec<(Location, Node)>, fallback: Node) -> Self {
        branches.sort_by_key(|(location, _)| {
            let host = location.host.as_ref().map_or(0, String::len);
            std::cmp::Reverse((host, location.path.as_str().len()))
        });
        Self { branches, fallback }
    }
}

impl Router for UrlMap {
    fn route(&self, request: &mut HostRequest) -> &Node {
        let taken = {
            let host = request.headers().get(http::header::HOST);
            let host = host.and_then(|host| host.to_str().ok());
            let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
            let path = request.path_info();
            self.branches
                .iter()
                .find(|(location, _)| location.path.covers(path) && location.matches_host(host))
        };
        let Some((location, node)) = taken else {
            return &self.fallback;
        };
        // Both are canonical: the location is the beginning of the path, byte for byte.
        request.shift_path_info(location.path.as_str().len());
        node
    }
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
