//! Where a redirect leads.

use stackup_plugin::{Error, Result, Uri};

/// A target from the manifest, to which a request may add a path and a query, and nothing else.
pub(crate) struct Location {
    /// Scheme and authority; empty for a path of this server.
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
            // Browsers take `//host` and `/\host` for another server; so is it not a path here either.
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

    /// The target with `path` behind its own, and `query` behind its own.
    pub(crate) fn with(&self, path: &str, query: &str) -> String {
        let mut location = self.origin.clone();
        // One slash between, and never two at the beginning: `//host` would be another server.
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
