//! How a response ended.

use http::StatusCode;

use crate::abi::plugin::headers::HeadersHandle;
use crate::{Error, Headers};

/// How a response ended; passed to the hooks of [`Request::on_finished`](crate::Request::on_finished).
#[derive(Debug)]
pub struct Finished<'a> {
    status: Option<StatusCode>,
    headers: Option<Headers<'a>>,
    error: Option<Error>,
    body_bytes: u64,
}

impl<'a> Finished<'a> {
    pub(crate) fn new(
        status: u16,
        headers: Option<HeadersHandle<'a>>,
        error: Option<Error>,
        body_bytes: u64,
    ) -> Self {
        let status = StatusCode::from_u16(status).ok();
        Self {
            status,
            headers: headers.map(Headers::new),
            error,
            body_bytes,
        }
    }

    /// The status that was sent; `None` if the client left before that.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The headers that were sent.
    pub fn headers(&self) -> Option<Headers<'a>> {
        self.headers
    }

    /// Why it failed, if it did.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The number of bytes of the body written to the connection.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }
}
