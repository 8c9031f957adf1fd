//! The logged parts of a request.

use log_text::{in_path, in_query, in_text};
use stackup_plugin::Request;

/// The logged parts of a request.
pub(crate) struct LoggedRequest {
    pub(crate) address: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) method: String,
    /// Not decoded, without the query.
    pub(crate) path: String,
    /// Not decoded; empty if there is none.
    pub(crate) query: String,
    pub(crate) protocol: String,
    pub(crate) referer: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) generation: u64,
}

impl LoggedRequest {
    pub(crate) fn new(req: &Request) -> Self {
        let env = req.env();
        let value = |name| {
            let value = env.get(name).filter(|value| !value.is_empty());
            value.map(Into::into)
        };
        // Without the secrets of URLs.
        let text = |name| value(name).map(|value: String| in_text(&value).into_owned());
        Self {
            address: value("REMOTE_ADDR"),
            user: value("REMOTE_USER"),
            method: req.method().to_string(),
            path: in_path(&[req.script_name(), req.path_info()].concat()).into_owned(),
            query: in_query(req.query()).into_owned(),
            protocol: format!("{:?}", req.version()),
            referer: text("HTTP_REFERER"),
            user_agent: text("HTTP_USER_AGENT"),
            request_id: value("stackup.request_id"),
            generation: req.generation(),
        }
    }
}
