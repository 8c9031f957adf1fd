//! A path and everything below it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer};

use super::canonical::{InvalidPath, canonical, decode};

/// A path in a config, which covers itself and everything below it.
///
/// It is kept in [`canonical`] form: `/café` and `/caf%C3%A9/` are the same. It covers whole segments, as the location of
/// a map does: `/a` covers `/a` and `/a/b`, and not `/ab`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// From a path that begins with `/`, encoded or not; a slash at its end has no meaning.
    ///
    /// # Errors
    ///
    /// It has no canonical form, or contains what the path of no request does: `?`, `#`, a dot segment.
    pub fn new(text: &str) -> Result<Self, InvalidPath> {
        if text.contains(['?', '#']) {
            return Err(InvalidPath::End);
        }
        for segment in text.split('/') {
            if matches!(&decode(segment)?[..], b"." | b"..") {
                return Err(InvalidPath::DotSegment);
            }
        }
        let path = canonical(text)?;
        Ok(Self(path.strip_suffix('/').unwrap_or(&path).to_owned()))
    }

    /// The canonical path without a slash at its end: empty for `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `/`, which covers every path.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it covers this path, in canonical form.
    pub fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl<'de> Deserialize<'de> for PathPrefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(|error| invalid(&text, error))
    }
}

pub(super) fn invalid<E: serde::de::Error>(text: &str, error: InvalidPath) -> E {
    E::custom(format_args!("{text:?} is not a path here: {error}"))
}

impl JsonSchema for PathPrefix {
    fn schema_name() -> Cow<'static, str> {
        "PathPrefix".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_covers_whole_segments() {
        let covers = |prefix: &str, path| PathPrefix::new(prefix).unwrap().covers(path);
        for (prefix, path) in [
            ("/a", "/a"),
            ("/a", "/a/"),
            ("/a/", "/a/b"),
            ("/", "/"),
            ("/", "/a"),
            ("/", ""),
            ("/caf%c3%A9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9/x"),
            ("/a b", "/a%20b"),
            ("//a//b", "/a/b"),
            ("/%61", "/a"),
        ] {
            assert!(covers(prefix, path), "{prefix} {path}");
        }
        for (prefix, path) in [
            ("/a", "/ab"),
            ("/a", "/A"),
            ("/a", "/"),
            ("/a", "/a;b"),
            ("/a/b", "/a%2Fb"),
            ("/", "*"),
        ] {
            assert!(!covers(prefix, path), "{prefix} {path}");
        }
    }

    #[test]
    fn what_no_request_has_is_refused() {
        use InvalidPath::{DotSegment, End, Escape, Nul, Relative};
        for (text, reason) in [
            ("", Relative),
            ("a", Relative),
            ("/a?b", End),
            ("/a#b", End),
            ("/%", Escape),
            ("/%00", Nul),
            ("/a/../b", DotSegment),
            ("/%2e", DotSegment),
        ] {
            assert_eq!(PathPrefix::new(text), Err(reason), "{text}");
        }
    }
}
