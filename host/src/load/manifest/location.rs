//! Where a map applies: its path and its host.

use stackup_plugin::path::{InvalidPath, PathPrefix};

/// Why a path or host is invalid, and how to fix it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidLocation {
    pub(super) label: &'static str,
    pub(super) help: Option<String>,
}

fn invalid<T>(label: &'static str, help: Option<String>) -> Result<T, InvalidLocation> {
    Err(InvalidLocation { label, help })
}

/// Checks a map's path and puts it into canonical form. Also returns whether it had a trailing slash, which has no
/// meaning.
pub(super) fn path(text: &str) -> Result<(PathPrefix, bool), InvalidLocation> {
    if let Some((_, rest)) = text.split_once("://") {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let help = format!("write `path = \"/{path}\"` and `host = \"{host}\"`");
        return invalid("this is a URL", Some(help));
    }
    if text.contains(char::is_whitespace) || text.contains(char::is_control) {
        return invalid(
            "contains whitespace or a control character",
            Some("write a space as `%20`".into()),
        );
    }
    if text.contains('?') {
        return invalid(
            "contains `?`",
            Some("a map matches only the path, not the query".into()),
        );
    }
    if text.contains('#') {
        return invalid(
            "contains `#`",
            Some("browsers never send what follows `#`".into()),
        );
    }
    if text.contains('*') && text.ends_with("/*") {
        let prefix = text.trim_end_matches(['*', '/']);
        let help = format!("a map matches everything below its path: write \"{prefix}\"");
        return invalid("`*` is not a wildcard here", Some(help));
    }
    if !text.starts_with('/') {
        return invalid(
            "does not start with `/`",
            Some(format!("write \"/{text}\"")),
        );
    }
    if text.contains("//") {
        let single: Vec<&str> = text
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        return invalid(
            "contains `//`",
            Some(format!("write \"/{}\"", single.join("/"))),
        );
    }
    let path = PathPrefix::new(text).or_else(|error| match error {
        InvalidPath::DotSegment => invalid(
            "contains `.` or `..` as a segment",
            Some("requests arrive with these resolved: write the resolved path".into()),
        ),
        InvalidPath::Escape => invalid(
            "a `%` is not followed by two hexadecimal digits",
            Some("write `%` itself as `%25`".into()),
        ),
        _ => invalid("contains NUL (`%00`)", None),
    })?;
    let slash = text.ends_with('/') && !path.is_root();
    Ok((path, slash))
}

/// Checks a map's host, `name` or `name:port`, and gives it in lower case.
pub(super) fn host(text: &str) -> Result<String, InvalidLocation> {
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split('/').next().unwrap_or(rest);
        return invalid("this is a URL", Some(format!("write \"{host}\"")));
    }
    if text.is_empty() {
        return invalid(
            "the host is empty",
            Some("remove `host` to match every host".into()),
        );
    }
    if text.contains('/') {
        return invalid("a host has no path", Some("put the path in `path`".into()));
    }
    if text.contains('*') {
        return invalid(
            "wildcards are not supported",
            Some("write a map for each host, or remove `host` to match every host".into()),
        );
    }
    let (name, port) = split_port(text);
    if let Some(port) = port
        && !is_port(port)
    {
        let help = format!("write \"{name}\" for every port, or \"{name}:8080\"");
        return invalid("the port is not a number from 1 to 65535", Some(help));
    }
    let bracketed = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let known = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    };
    if !known {
        return invalid(
            "not a host name",
            Some(
                "write a name (\"admin.example.com\"; non-ASCII names as `xn--…`) or an address \
                 (\"[::1]\"), with a port if needed (\"localhost:8080\")"
                    .into(),
            ),
        );
    }
    Ok(text.to_ascii_lowercase())
}

/// Splits `name:port`. The colons in `[::1]` belong to the name.
pub(super) fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether a request can match both hosts.
pub(super) fn compatible(a: &str, b: &str) -> bool {
    let ((a, a_port), (b, b_port)) = (split_port(a), split_port(b));
    a == b && (a_port.is_none() || b_port.is_none() || a_port == b_port)
}

/// Whether every request for the host `given` also matches `asked`.
pub(super) fn implies(given: &str, asked: &str) -> bool {
    compatible(given, asked) && (split_port(asked).1.is_none() || split_port(given).1.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_path_is_empty_without_warning() {
        let read = |text| path(text).map(|(path, slash)| (path.as_str().to_owned(), slash));
        assert_eq!(read("/"), Ok((String::new(), false)));
        assert_eq!(read("/a/"), Ok(("/a".into(), true)));
        assert_eq!(read("/a.b/..c"), Ok(("/a.b/..c".into(), false)));
    }

    #[test]
    fn path_is_put_into_canonical_form() {
        for (text, canonical) in [
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/%70rivate", "/private"),
            ("/a%2fb", "/a%2Fb"),
        ] {
            assert_eq!(path(text).unwrap().0.as_str(), canonical, "{text}");
        }
        for bad in ["/%", "/%zz", "/a%00", "/%2e%2e/a"] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn host_accepts_port() {
        for good in [
            "a.example",
            "A.Example:8080",
            "[::1]",
            "[::1]:80",
            "127.0.0.1",
        ] {
            assert_eq!(host(good), Ok(good.to_ascii_lowercase()));
        }
        for bad in [
            "a:", ":80", "a:0", "a:65536", "a:+8", "::1", "[zz]", "a b", "u@h", "é.fr",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn host_without_port_matches_any_port() {
        assert!(compatible("a", "a:80") && compatible("a:80", "a") && !compatible("a:1", "a:2"));
        assert!(implies("a:80", "a") && !implies("a", "a:80") && !implies("a", "b"));
    }
}
