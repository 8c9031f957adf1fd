//! Forwarding a request to another path: Rack's `ForwardRequest`.

use crate::{Error, IntoResponse, Request, Response, Result, StatusCode, Uri};

/// The response header with the path. The server never sends `rack.…` headers (SPEC R31).
const TO: &str = "rack.forward";

impl Response {
    /// Forwards the request: the plugin `recursive`, in a layer above, calls its layers again with this
    /// path as `PATH_INFO`. The path is encoded and may have a query. Without `recursive` the client gets
    /// 500.
    ///
    /// # Errors
    ///
    /// `path` does not begin with `/`, or is not a valid header value.
    pub fn forward(path: &str) -> Result<Self> {
        if !path.starts_with('/') {
            return Err(Error::msg(format!(
                "cannot forward to {path:?}: the path must begin with `/`"
            )));
        }
        let text = format!("forwarded to {path}, but no layer above is `recursive`\n");
        let res = (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()?;
        Ok(res.with_header(TO, path)?)
    }

    /// The path that the layers below forward the request to, if they do.
    pub fn forwards_to(&self) -> Option<&str> {
        self.header(TO)
    }
}

impl Request {
    /// Changes `PATH_INFO`, and the query if `path` has one. `SCRIPT_NAME` stays.
    ///
    /// # Errors
    ///
    /// `path` does not begin with `/` or has no canonical form ([`path::canonical`](crate::path::canonical)); so no `..`
    /// leads out of the `SCRIPT_NAME`.
    pub fn go_to(&mut self, path: &str) -> Result<()> {
        if !path.starts_with('/') {
            return Err(Error::msg(format!(
                "cannot go to {path:?}: the path must begin with `/`"
            )));
        }
        let script_name = self.script_name().to_owned();
        let mut parts = self.uri().into_parts();
        parts.path_and_query = Some(path.parse()?);
        self.set_uri(&Uri::from_parts(parts)?)?;
        self.set_script_name(&script_name)
    }
}
