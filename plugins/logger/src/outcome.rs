//! The outcome of a request.

use std::time::Duration;

use jiff::Zoned;
use stackup_plugin::{Finished, StatusCode};

/// The outcome of a request.
pub(crate) struct Outcome {
    pub(crate) time: Zoned,
    pub(crate) took: Duration,
    /// The status sent, or about to be sent; none if the client disconnected before there was one.
    pub(crate) status: Option<StatusCode>,
    /// The length of a complete body, or the bytes sent of an incomplete one.
    pub(crate) bytes: u64,
    /// The error, and the handler where it occurred.
    pub(crate) error: Option<(String, String)>,
}

impl Outcome {
    pub(crate) fn new(end: &Finished<'_>, time: Zoned, took: Duration) -> Self {
        let error = |error: &stackup_plugin::Error| (error.to_string(), error.handler().to_owned());
        Self {
            time,
            took,
            status: status(end),
            bytes: content_length(end).unwrap_or(end.body_bytes()),
            error: end.error().map(error),
        }
    }
}

fn status(end: &Finished<'_>) -> Option<StatusCode> {
    let of_error = || Some(end.error()?.status()).filter(StatusCode::is_server_error);
    end.status().or_else(of_error)
}

/// The `content-length` of a response that ended without an error.
fn content_length(end: &Finished<'_>) -> Option<u64> {
    let headers = end.headers().filter(|_| end.error().is_none())?;
    headers.text("content-length")?.parse().ok()
}
