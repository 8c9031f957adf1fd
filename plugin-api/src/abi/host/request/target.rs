//! The target of a request, with its path in canonical form.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;

use crate::path::{InvalidPath, canonical};

/// Puts the path of a target into canonical form (SPEC R8), and returns the target as it was, if it was another. The query
/// stays as it is, and so do `*` and a target without a path.
///
/// # Errors
///
/// The path has no canonical form. The target stays as it is.
pub fn canonicalize(uri: &mut Uri) -> Result<Option<Uri>, InvalidPath> {
    if !uri.path().starts_with('/') {
        return Ok(None);
    }
    let changed = match canonical(uri.path())? {
        Cow::Borrowed(_) => return Ok(None),
        Cow::Owned(path) => with_path(uri, path)?,
    };
    Ok(Some(std::mem::replace(uri, changed)))
}

/// The same with another path, which is canonical or `*`.
pub(super) fn with_path(uri: &Uri, mut path: String) -> Result<Uri, InvalidPath> {
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    // Only its length can be wrong.
    let path = PathAndQuery::try_from(path).map_err(|_| InvalidPath::TooLong)?;
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|_| InvalidPath::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Result<(String, Option<String>), InvalidPath> {
        let mut uri = text.parse().unwrap();
        let original = canonicalize(&mut uri)?;
        Ok((uri.to_string(), original.map(|uri| uri.to_string())))
    }

    #[test]
    fn only_the_path_is_changed() {
        for (given, expected) in [
            ("/%61/..//b?x=%61//../%zz", "/b?x=%61//../%zz"),
            ("http://h.example:8/%61?q", "http://h.example:8/a?q"),
        ] {
            let changed = Ok((expected.to_owned(), Some(given.to_owned())));
            assert_eq!(target(given), changed);
        }
        for same in ["/a?b", "*", "a.b:443", "http://h.example/"] {
            assert_eq!(target(same), Ok((same.to_owned(), None)));
        }
    }

    #[test]
    fn path_that_grows_beyond_a_uri_is_refused() {
        let long = format!("/{}", "{".repeat(30_000));
        assert_eq!(target(&long), Err(InvalidPath::TooLong));
    }
}
