//! Sending a request on to another path: Rack's `ForwardRequest`.

use crate::{Error, IntoResponse, Request, Response, Result, StatusCode};

/// Where to, in the headers of a response. The server sends no header of `rack.…` (SPEC R31).
const TO: &str = "rack.forward";

impl Response {
    /// Sends the request on: the plugin `recursive`, above, asks its layers again with this path
    /// (undecoded, with its query if it has one) in place of `PATH_INFO`. Without it the client gets 500.
    ///
    /// # Errors
    ///
    /// When `path` does not begin with `/`, or can't stand in a header.
    pub fn forward(path: &str) -> Result<Self> {
        if !path.starts_with('/') {
            return Err(Error::msg(format!(
                "a request can't be sent on to {path:?}: a path begins with `/`"
            )));
        }
        let text = format!("sent on to {path}, but there is no `recursive` above\n");
        let res = (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()?;
        Ok(res.with_header(TO, path)?)
    }

    /// Where the layers below send the request on to, if they do.
    pub fn forwards_to(&self) -> Option<&str> {
        self.header(TO)
    }
}

impl Request {
    /// Goes to another path, with its query if it has one; what the maps above have taken stays taken.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn go_to(&mut self, path: &str) -> Result<()> {
        let script_name = self.script_name().to_owned();
        let uri = format!("{script_name}{path}").parse()?;
        self.set_uri(&uri);
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        self.set_script_name(&script_name)?;
        self.set_path_info(path)
    }
}
