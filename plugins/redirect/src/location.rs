//! The target of a redirect.

use stackup_plugin::{Error, Result, Uri};

/// A target from the manifest. A request may only append a path and a query.
pub(crate) struct Location {
    /// Scheme and authority; empty for a path on this server.
    origin: String,
    path: String,
    /// With its `?`.
    query: String,
    /// With its `#`.
    fragment: String,
}

impl Location {
    pub(crate) fn new(to: &str) -> Result<Self> {
        let refuse = || {
            let message =
                format!("{to:?} is neither an http or https URL nor a path that begins with `/`");
            Error::config("to", message)
        };
        let (rest, fragment) = to.find('#').map_or((to, ""), |at| to.split_at(at));
        let visible = fragment.bytes().all(|byte| byte.is_ascii_graphic());
        let uri: Uri = rest.parse().ok().filter(|_| visible).ok_or_else(refuse)?;
        let origin = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme @ ("http" | "https")), Some(authority)) => {
                format!("{scheme}://{authority}")
            }
            // Browsers treat `//host` and `/\host` as another server.
            (None, None) if rest.starts_with('/') && !rest[1..].starts_with(['/', '\\']) => {
                String::new()
            }
            _ => return Err(refuse()),
        };
        Ok(Self {
            origin,
            path: uri.path().to_owned(),
            query: uri
                .query()
                .map_or_else(String::new, |query| format!("?{query}")),
            fragment: fragment.to_owned(),
        })
    }

    /// The target with `path` and `query` appended.
    pub(crate) fn with(&self, path: &str, query: &str) -> String {
        let mut location = self.origin.clone();
        // Never two slashes at the beginning: `//host` would be another server.
        let path = match path.trim_start_matches(['/', '\\']) {
            "" => self.path.clone(),
            rest => format!(
                "{}/{}",
                self.path.trim_end_matches('/'),
                rest.replace('\\', "%5C")
            ),
        };
        location.push_str(&path);
        location.push_str(&self.query);
        if !query.is_empty() {
            location.push(if self.query.is_empty() { '?' } else { '&' });
            location.push_str(query);
        }
        location.push_str(&self.fragment);
        location
    }
}
