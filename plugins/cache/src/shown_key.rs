//! The key in `cache-status` (RFC 9211 §2.7), in development: it tells where a response is stored, and for which variant.

use cache_store::{Place, Target};
use http_cache::List;
use stackup_plugin::{Request, Response, Result};

use crate::fields::Of;

/// What the key of a request is made of, kept from before the request went down.
pub(crate) struct ShownKey {
    target: Target,
    fields: List,
}

impl ShownKey {
    pub(crate) fn of(req: &Request, target: &Target) -> Self {
        let fields = http_cache::Fields::all(&Of(req.headers())).collect();
        let target = target.clone();
        Self { target, fields }
    }

    /// Adds it to this cache's member, which is the last one.
    pub(crate) fn add_to(&self, res: &mut Response) -> Result<()> {
        let key = self.text(res);
        let mut headers = res.headers_mut();
        let lines = headers.as_ref();
        let lines: Vec<_> = lines.get_all("cache-status").collect();
        let mut lines: Vec<_> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        let Some(last) = lines.last_mut() else {
            return Ok(());
        };
        last.extend_from_slice(b"; key=");
        last.extend_from_slice(quoted(&key).as_bytes());
        headers.remove("cache-status");
        for line in lines {
            headers.append("cache-status", &line[..])?;
        }
        Ok(())
    }

    fn text(&self, res: &Response) -> String {
        let place = Place::of(&self.target, &self.fields, &Of(res.headers()));
        let variant = place.selecting_fields();
        let variant = variant.iter().map(|field| without_secret(field));
        std::iter::once(self.target.uri().to_owned())
            .chain(variant)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn without_secret(field: &str) -> String {
    match field.split_once(':') {
        Some((name @ ("cookie" | "authorization" | "proxy-authorization"), _)) => {
            format!("{name}: [hidden]")
        }
        _ => field.to_owned(),
    }
}

/// A string of structured fields (RFC 9651 §3.3.3), which is ASCII.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            ' '..='~' => quoted.push(char),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_a_string_of_structured_fields() {
        assert_eq!(
            quoted("http://a.test/\"\\\u{e9}\n"),
            "\"http://a.test/\\\"\\\\??\""
        );
        assert_eq!(without_secret("cookie: id=1"), "cookie: [hidden]");
        assert_eq!(without_secret("accept-language: de"), "accept-language: de");
    }
}
