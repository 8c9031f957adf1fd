//! Responses that shared caches may store (RFC 9111): a cookie on one of them would go to other clients.

use stackup_plugin::{Headers, HeadersMut, Response, Result, header};

/// What a response with a cookie has if it says nothing.
const DEFAULT: &str = "private, max-age=0, must-revalidate";

/// Headers that caches obey in place of `cache-control`: those named as in RFC 9213 §2, and older ones.
const TARGETED: &str = "-cache-control";
const OLDER: [&str; 3] = ["surrogate-control", "edge-control", "x-accel-expires"];

/// Whether the response is made for shared caches: they may give it to other clients.
pub(crate) fn is_shared(headers: Headers<'_>) -> bool {
    if !targeted(headers).is_empty() {
        return true;
    }
    let said = directives(headers);
    if said.iter().any(|directive| is_private(directive)) {
        return false;
    }
    let shares = |directive: &String| match name_and_value(directive) {
        ("public" | "s-maxage", _) => true,
        ("max-age", value) => value != "0",
        _ => false,
    };
    let expires = || {
        let expires = headers.text(header::EXPIRES);
        // Only a date can be in the future (RFC 9111 §5.3).
        expires.is_some_and(|expires| expires.ends_with("GMT"))
    };
    said.iter().any(shares) || said.is_empty() && expires()
}

/// Keeps shared caches from storing the response, and others from using it for another cookie.
///
/// # Errors
///
/// Too many headers.
pub(crate) fn make_private(res: &mut Response) -> Result<()> {
    let (mut kept, targeted) = (directives(res.headers()), targeted(res.headers()));
    let mut headers = res.headers_mut();
    for name in targeted {
        headers.remove(name);
    }
    if kept.is_empty() {
        headers.insert(header::CACHE_CONTROL, DEFAULT)?;
    } else if !kept.iter().any(|directive| is_private(directive)) {
        // `private="set-cookie"` would leave the rest of the response to shared caches.
        let for_shared = ["public", "s-maxage", "proxy-revalidate", "private"];
        kept.retain(|directive| !for_shared.contains(&name_and_value(directive).0));
        kept.insert(0, "private".to_owned());
        headers.insert(header::CACHE_CONTROL, kept.join(", "))?;
    }
    vary_by_cookie(&mut headers)
}

fn vary_by_cookie(headers: &mut HeadersMut<'_>) -> Result<()> {
    if !varies_by_cookie(headers.as_ref()) {
        headers.append(header::VARY, "cookie")?;
    }
    Ok(())
}

fn varies_by_cookie(headers: Headers<'_>) -> bool {
    let lines = headers
        .get_all(header::VARY)
        .filter_map(|line| line.to_str());
    let mut names = lines.flat_map(|line| line.split(',')).map(str::trim);
    names.any(|name| name == "*" || name.eq_ignore_ascii_case("cookie"))
}

/// The names of the headers that caches obey in place of `cache-control`.
fn targeted(headers: Headers<'_>) -> Vec<String> {
    let names = headers.iter().map(|(name, _)| name);
    let targeted = names.filter(|name| name.ends_with(TARGETED) || OLDER.contains(name));
    targeted.map(str::to_owned).collect()
}

/// Whether no shared cache may store a response with this directive. `private` with fields, even none, is about them
/// alone (RFC 9111 §5.2.2.7).
fn is_private(directive: &str) -> bool {
    matches!(directive, "private" | "no-store")
}

/// The directives of `cache-control`, with lower-case names.
fn directives(headers: Headers<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for line in headers.get_all(header::CACHE_CONTROL) {
        let text = String::from_utf8_lossy(line.as_bytes());
        // A comma within quotes does not end a directive.
        let mut quoted = false;
        let parts = text.split(|char| {
            quoted ^= char == '"';
            char == ',' && !quoted
        });
        all.extend(
            parts
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| match part.split_once('=') {
                    Some((name, value)) => format!("{}={value}", name.to_ascii_lowercase()),
                    None => part.to_ascii_lowercase(),
                }),
        );
    }
    all
}

fn name_and_value(directive: &str) -> (&str, &str) {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    (name.trim(), value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use stackup_plugin::StatusCode;

    use super::*;

    fn response(lines: &[(&str, &str)]) -> Response {
        let mut res = Response::new(StatusCode::OK);
        for (name, value) in lines {
            res.headers_mut().append(*name, *value).unwrap();
        }
        res
    }

    #[test]
    fn response_for_shared_caches_is_recognised() {
        for (line, shared) in [
            ("public", true),
            ("PUBLIC, max-age=60", true),
            ("s-maxage=60", true),
            ("max-age=60", true),
            ("max-age=\"60\"", true),
            ("private=\"set-cookie\", max-age=60", true),
            ("private=\"a, no-store\", max-age=60", true),
            ("private=\"\", max-age=60", true),
            ("private=, max-age=60", true),
            ("private, max-age=60", false),
            ("no-store, public", false),
            ("no-cache", false),
            ("max-age=0, must-revalidate", false),
            ("", false),
        ] {
            let res = response(&[("cache-control", line)]);
            assert_eq!(is_shared(res.headers()), shared, "{line}");
        }
        for (name, shared) in [
            ("cdn-cache-control", true),
            ("acme-cdn-cache-control", true),
            ("acme-cache-control", true),
            ("surrogate-control", true),
            ("x-accel-expires", true),
            ("etag", false),
        ] {
            let res = response(&[("cache-control", "private"), (name, "max-age=60")]);
            assert_eq!(is_shared(res.headers()), shared, "{name}");
        }
        let date = ("expires", "Sun, 09 Sep 2031 01:46:40 GMT");
        assert!(is_shared(response(&[date]).headers()));
        assert!(!is_shared(response(&[("expires", "0")]).headers()));
        let lines = [("cache-control", "no-cache"), date];
        assert!(!is_shared(response(&lines).headers()), "cache-control wins");
    }

    #[test]
    fn response_becomes_private() {
        for (before, after) in [
            ("public, max-age=60", "private, max-age=60"),
            (
                "s-maxage=9, max-age=60, proxy-revalidate",
                "private, max-age=60",
            ),
            ("no-cache", "private, no-cache"),
            ("private=\"x, y\", max-age=60", "private, max-age=60"),
            ("private=\"\", max-age=60", "private, max-age=60"),
            ("private, max-age=60", "private, max-age=60"),
            ("no-store", "no-store"),
        ] {
            let mut res = response(&[
                ("cache-control", before),
                ("cdn-cache-control", "max-age=9"),
                ("vary", "accept"),
            ]);
            make_private(&mut res).unwrap();
            assert_eq!(res.headers().text("cache-control"), Some(after));
            assert!(!res.headers().contains("cdn-cache-control"));
            let vary: Vec<_> = res.headers().get_all("vary").collect();
            assert_eq!(vary, ["accept", "cookie"]);
            assert!(!is_shared(res.headers()));
        }
        let mut silent = response(&[("vary", "x, Cookie")]);
        make_private(&mut silent).unwrap();
        assert_eq!(silent.headers().text("cache-control"), Some(DEFAULT));
        assert_eq!(silent.headers().get_all("vary").count(), 1);
    }
}
