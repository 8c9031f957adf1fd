//! Which map matches a request: the rule of Rack's URLMap.

use authority::Authority;
use stackup_plugin::abi::host::{HostRequest, Node, Router};

/// The path and host of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Empty for `/`.
    path: String,
    /// Lower case, with or without a port.
    host: Option<String>,
}

impl Location {
    /// `path` has no slash at its end.
    pub fn new(path: &str, host: Option<&str>) -> Self {
        Self {
            path: path.to_owned(),
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

    /// The number of bytes of `path` that this location matches, if it does. A slash of the location matches any number
    /// of them; the rest of the path is empty or starts with a slash.
    fn match_path(&self, path: &str) -> Option<usize> {
        let path = path.as_bytes();
        let mut at = 0;
        for byte in self.path.bytes() {
            if path.get(at) != Some(&byte) {
                return None;
            }
            at += 1;
            while byte == b'/' && path.get(at) == Some(&b'/') {
                at += 1;
            }
        }
        matches!(path.get(at), None | Some(b'/')).then_some(at)
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
            std::cmp::Reverse((host, location.path.len()))
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
            self.branches.iter().find_map(|(location, node)| {
                let bytes = location
                    .match_path(path)
                    .filter(|_| location.matches_host(host))?;
                Some((location, node, bytes))
            })
        };
        let Some((location, node, bytes)) = taken else {
            return &self.fallback;
        };
        request.shift_path_info(&location.path, bytes);
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(location: &str, path: &str) -> Option<usize> {
        Location::new(location, None).match_path(path)
    }

    #[test]
    fn prefix_matches_whole_segments() {
        assert_eq!(takes("/foo", "/foo"), Some(4));
        assert_eq!(takes("/foo", "/foo/bar"), Some(4));
        assert_eq!(takes("/foo", "/foobar"), None);
        assert_eq!(takes("/foo", "/fo"), None);
        assert_eq!(takes("/foo", "/FOO"), None, "case matters");
    }

    #[test]
    fn repeated_slashes_match_one() {
        assert_eq!(takes("/foo/bar", "//foo///bar/x"), Some(11));
        assert_eq!(takes("/foo", "/foo//x"), Some(4));
    }

    #[test]
    fn path_is_not_decoded() {
        assert_eq!(takes("/foo/bar", "/foo%2Fbar"), None);
        assert_eq!(takes("/foo", "/foo;x"), None);
    }

    #[test]
    fn root_matches_every_path() {
        assert_eq!(takes("", "/x"), Some(0));
        assert_eq!(takes("", ""), Some(0));
        assert_eq!(takes("", "*"), None);
    }

    #[test]
    fn host_matches_with_and_without_port() {
        let plain = Location::new("", Some("Example.com"));
        assert!(
            plain.matches_host(Some("example.COM")) && plain.matches_host(Some("example.com:80"))
        );
        assert!(!plain.matches_host(Some("www.example.com")) && !plain.matches_host(None));
        let with_port = Location::new("", Some("example.com:8080"));
        assert!(with_port.matches_host(Some("example.com:8080")));
        assert!(!with_port.matches_host(Some("example.com")));
    }

    #[test]
    fn host_is_read_as_everywhere() {
        let plain = Location::new("", Some("example.com"));
        assert!(plain.matches_host(Some("example.com.")), "the root's dot");
        for host in [
            "[example.com]",
            "[::1]example.com",
            "x@example.com",
            "example.com:80:80",
        ] {
            assert!(!plain.matches_host(Some(host)), "{host}");
        }
        let address = Location::new("", Some("[::1]"));
        assert!(address.matches_host(Some("[::1]:80")) && address.matches_host(Some("[::1]")));
        assert!(!address.matches_host(Some("[::1]evil.com")));
    }
}
