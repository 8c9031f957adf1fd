//! Early hints: what a stored page links to, while it is validated (RFC 8297).

use cache_store::Entry;
use http_cache::Fields;
use stackup_plugin::{Method, Request, Result, StatusCode};

use crate::Cache;

impl Cache {
    /// Sends the `link` fields of a stored response as a 103, where the config wants it.
    ///
    /// Only to a browser that navigates to a page: nobody else loads what it links to, and old clients take a 103 for the response.
    ///
    /// # Errors
    ///
    /// A stored field is invalid.
    pub(crate) fn hint(&self, req: &Request, entry: &Entry) -> Result<()> {
        let wants = |req: &Request| {
            req.method() == Method::GET && req.header("sec-fetch-mode") == Some("navigate")
        };
        if !self.settings.early_hints || !wants(req) {
            return Ok(());
        }
        let links = entry.all().filter(|(name, _)| *name == "link");
        let links: Vec<(&str, &[u8])> = links.collect();
        if links.is_empty() {
            return Ok(());
        }
        req.inform(StatusCode::EARLY_HINTS, links)
    }
}
