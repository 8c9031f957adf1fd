//! Interim responses (RFC 9110 §15.2), such as early hints (RFC 8297).

use std::sync::Arc;

use http::StatusCode;

use crate::abi::plugin::informer::InformerHandle;
use crate::{Error, IntoFields, Request, Response, Result};

/// Sends interim responses to the client of one request. It may be kept beyond the request, and does nothing then.
#[derive(Debug, Clone)]
pub struct Informer(Option<Arc<InformerHandle>>);

impl Request {
    /// Sends an interim response before the final one: 103 (early hints, RFC 8297), 102 (processing, RFC 2518) or another 1xx status. Does
    /// nothing where the client can't get one: with HTTP/1.0, in a warm-up, for a request that a handler has made. The client gets it
    /// once the handler waits; one that answers at once needs none.
    ///
    /// ```
    /// # use stackup_plugin::{Context, Next, Request, Result, StatusCode};
    /// async fn hints(req: Request, next: Next<'_>) -> Result {
    ///     let links = [("link", "</style.css>; rel=preload; as=style")];
    ///     req.inform(StatusCode::EARLY_HINTS, links)?;
    ///     next.run(req).await
    /// }
    /// stackup_plugin::export!(middleware fn hints);
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The status is no interim one, or is 100 or 101, which the host sends; or a field is invalid.
    pub fn inform(&self, status: StatusCode, headers: impl IntoFields) -> Result<()> {
        self.informer().inform(status, headers)
    }

    /// The same by a value of its own, for instance in a closure.
    pub fn informer(&self) -> Informer {
        Informer(self.client().map(Arc::new))
    }
}

impl Informer {
    /// As [`Request::inform`].
    ///
    /// # Errors
    ///
    /// Same as [`Request::inform`].
    pub fn inform(&self, status: StatusCode, headers: impl IntoFields) -> Result<()> {
        let own = [StatusCode::CONTINUE, StatusCode::SWITCHING_PROTOCOLS];
        if !status.is_informational() || own.contains(&status) {
            return Err(Error::msg(format!(
                "{status} is no interim response of a handler: send 102, 103 or another 1xx status"
            )));
        }
        let mut response = Response::new(status);
        headers.set_on(&mut response)?;
        if let Some(client) = &self.0 {
            response.send_as_interim(client);
        }
        Ok(())
    }
}
