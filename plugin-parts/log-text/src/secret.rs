//! Secrets: one list of names of headers, query parameters, env values and config keys whose values nobody is shown.

use std::borrow::Cow;

/// Shown instead of a secret.
pub const HIDDEN: &str = "[hidden]";

/// Parts of names, in lower case, without what separates words.
const PARTS: [&str; 13] = [
    "accesskey",
    "apikey",
    "authkey",
    "authorization",
    "cookie",
    "credential",
    "passphrase",
    "password",
    "privatekey",
    "secret",
    "session",
    "signature",
    "token",
];

/// Whole names.
const NAMES: [&str; 4] = ["jwt", "pass", "passwd", "pwd"];

/// Names that mean a secret in a URL and often something else in a config.
const IN_URLS: [&str; 6] = ["auth", "code", "key", "otp", "sid", "sig"];

/// Whether the value of this header, env value or config key is a secret. `X-Api-Key`, `x_api_key` and `xApiKey` are
/// one name.
pub fn is_secret(name: &str) -> bool {
    let bare = bare(name);
    PARTS.iter().any(|part| bare.contains(part)) || NAMES.contains(&&*bare)
}

/// A query without its secrets: `page=2&token=[hidden]`. Also values that are URLs with secrets of their own.
pub fn in_query(query: &str) -> Cow<'_, str> {
    replaced(query, &['&', ';'], |pair| {
        let (name, value) = pair.split_once('=')?;
        let secret = is_secret_in_url(&decoded(name)) || has_secret(&decoded(value));
        (secret && !value.is_empty()).then(|| format!("{name}={HIDDEN}"))
    })
}

/// A path without its secrets: those of parameters of a segment, such as `/cart;jsessionid=…`.
pub fn in_path(path: &str) -> Cow<'_, str> {
    if !path.contains(';') {
        return path.into();
    }
    replaced(path, &['/', ';'], |part| {
        let (name, value) = part.split_once('=')?;
        let secret = is_secret_in_url(&decoded(name)) && !value.is_empty();
        secret.then(|| format!("{name}={HIDDEN}"))
    })
}

/// Text without the secrets of the URLs in it: those of queries, fragments and paths, and what stands before `@` in
/// `https://user:password@host/`.
pub fn in_text(text: &str) -> Cow<'_, str> {
    if !text.contains(['?', '#', ';', '@']) {
        return text.into();
    }
    replaced(
        text,
        &[' ', '\t', '\n', '"', '\'', '<', '>', '`'],
        |word| match in_url(word) {
            Cow::Borrowed(_) => None,
            Cow::Owned(changed) => Some(changed),
        },
    )
}

fn in_url(url: &str) -> Cow<'_, str> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (main, rest) = url.split_at(end);
    let start = main.find("://").map_or(0, |at| at + 3);
    let authority = match start {
        0 => "",
        start => main[start..].split('/').next().unwrap_or_default(),
    };
    let (host, hidden) = match authority.rsplit_once('@') {
        Some((_, host)) => (host, format!("{HIDDEN}@")),
        None => (authority, String::new()),
    };
    let path = in_path(&main[start + authority.len()..]);
    // A fragment may be like a query: OAuth puts tokens there.
    let rest = replaced(rest, &['?', '#'], |query| match in_query(query) {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    });
    let unchanged = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
    if hidden.is_empty() && unchanged(&path) && unchanged(&rest) {
        return url.into();
    }
    format!("{}{hidden}{host}{path}{rest}", &main[..start]).into()
}

/// Whether a decoded value is a URL, or a part of one, with a secret.
fn has_secret(value: &str) -> bool {
    let mut pairs = value.split(['?', '&', ';', '#']);
    let named = pairs.any(|pair| {
        let pair = pair.split_once('=');
        pair.is_some_and(|(name, value)| !value.is_empty() && is_secret_in_url(name))
    });
    named || value.contains("://") && matches!(in_url(value), Cow::Owned(_))
}

fn is_secret_in_url(name: &str) -> bool {
    is_secret(name) || IN_URLS.contains(&&*bare(name))
}

/// A name in lower case without what separates its words.
fn bare(name: &str) -> String {
    let letters = name
        .chars()
        .filter(|char| !matches!(char, '-' | '_' | '.' | ' '));
    letters.map(|char| char.to_ascii_lowercase()).collect()
}

/// Replaces the parts between `separators` for which `replace` returns something.
fn replaced<'t>(
    text: &'t str,
    separators: &[char],
    replace: impl Fn(&str) -> Option<String>,
) -> Cow<'t, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut start = 0;
    while start <= text.len() {
        let end = text[start..]
            .find(separators)
            .map_or(text.len(), |at| start + at);
        if let Some(new) = replace(&text[start..end]) {
            out.push_str(&text[copied..start]);
            out.push_str(&new);
            copied = end;
        }
        start = end + 1;
    }
    match copied {
        0 => text.into(),
        copied => (out + &text[copied..]).into(),
    }
}

/// Percent-decoded, with `+` as a space.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    let (mut out, mut bytes) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        let digit = |at: usize| char::from(*rest.get(at)?).to_digit(16);
        match (first, digit(0).zip(digit(1))) {
            (b'%', Some((high, low))) => {
                // Two hex digits are one byte.
                out.push((high * 16 + low) as u8);
                bytes = &rest[2..];
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*first),
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secret_names_are_recognised_in_every_spelling() {
        for name in [
            "authorization",
            "Proxy-Authorization",
            "HTTP_SET_COOKIE",
            "x-api-key",
            "apiKey",
            "X-Auth-Token",
            "client_secret",
            "rack.session",
            "X-Amz-Signature",
            "user[password]",
            "passwd",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "accept",
            "path",
            "key",
            "author",
            "htpasswd",
            "private",
            "code",
            "sec-websocket-key",
            "compass",
            "realm",
            "passthrough",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn query_has_no_secrets() {
        for (query, shown) in [
            ("", ""),
            ("a=1&b=2", "a=1&b=2"),
            ("token=canary", "token=[hidden]"),
            (
                "a=1&access_token=canary&b=2",
                "a=1&access_token=[hidden]&b=2",
            ),
            ("a=1;Password=canary", "a=1;Password=[hidden]"),
            ("%74oken=canary", "%74oken=[hidden]"),
            ("api+key=canary", "api+key=[hidden]"),
            ("user%5Bpassword%5D=canary", "user%5Bpassword%5D=[hidden]"),
            ("token=canary=canary", "token=[hidden]"),
            ("next=/reset?token=canary", "next=[hidden]"),
            ("next=%2Freset%3Fa%3D1%26code%3Dcanary", "next=[hidden]"),
            ("url=https://u:canary@host/", "url=[hidden]"),
            ("url=https%3A%2F%2Fu%3Acanary%40host", "url=[hidden]"),
            ("next=/reset?page=2", "next=/reset?page=2"),
            ("token=", "token="),
            ("token", "token"),
            ("sig=canary&key=canary", "sig=[hidden]&key=[hidden]"),
        ] {
            assert_eq!(in_query(query), shown, "{query}");
        }
    }

    #[test]
    fn text_has_urls_without_secrets() {
        for (text, shown) in [
            ("/a?b=c", "/a?b=c"),
            ("/a?token=canary#x", "/a?token=[hidden]#x"),
            (
                "/cart;jsessionid=canary/x;v=1",
                "/cart;jsessionid=[hidden]/x;v=1",
            ),
            ("https://u:canary@host:80/p", "https://[hidden]@host:80/p"),
            ("postgres://u:c@nary@host/db", "postgres://[hidden]@host/db"),
            (
                "https://host/#access_token=canary&a=1",
                "https://host/#access_token=[hidden]&a=1",
            ),
            (
                "</next?page=2&token=canary>; rel=\"next\"",
                "</next?page=2&token=[hidden]>; rel=\"next\"",
            ),
            (
                "see https://a@b/ and /x?key=canary now",
                "see https://[hidden]@b/ and /x?key=[hidden] now",
            ),
            ("me@example.com", "me@example.com"),
            ("text/html; charset=utf-8", "text/html; charset=utf-8"),
        ] {
            assert_eq!(in_text(text), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_else_changes(text in any::<String>()) {
            for shown in [in_query(&text), in_path(&text), in_text(&text)] {
                prop_assert!(shown == text || shown.contains(HIDDEN));
            }
        }

        #[test]
        fn canary_is_found_wherever_it_is(
            before in "([a-z]{1,5}=[a-z]{0,5}[&;])*",
            name in "(token|[a-z]_password|X-Api-Key|%74oken|code)",
            after in "([&;][a-z]{1,5}=[a-z]{0,5})*",
        ) {
            let query = format!("{before}{name}=CANARY{after}");
            prop_assert!(!in_query(&query).contains("CANARY"));
            let url = format!("/a/b?{query}");
            prop_assert!(!in_text(&url).contains("CANARY"));
        }
    }
}
