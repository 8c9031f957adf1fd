//! What is known when a response has ended.

use std::time::Duration;

use jiff::Zoned;
use stackup_plugin::{Finished, StatusCode};

/// How a response ended.
pub(crate) struct End {
    pub(crate) time: Zoned,
    pub(crate) took: Duration,
    /// What the client got, or was to get; none if it left before there was one.
    pub(crate) status: Option<StatusCode>,
    /// The length of a whole body, the bytes that were sent of a broken one.
    pub(crate) bytes: u64,
    /// What went wrong, and the handler where it did.
    pub(crate) error: Option<(String, String)>,
}

impl End {
    pub(crate) fn new(end: &Finished<'_>, time: Zoned, took: Duration) -> Self {
        let error = |error: &stackup_plugin::Error| (error.to_string(), error.handler().to_owned());
        Self {
            time,
            took,
            status: status(end),
            bytes: told(end).unwrap_or(end.body_bytes()),
            error: end.error().map(error),
        }
    }
}

fn status(end: &Finished<'_>) -> Option<StatusCode> {
    let of_error = || Some(end.error()?.status()).filter(StatusCode::is_server_error);
    end.status().or_else(of_error)
}

/// The length that a response which ended well has told.
fn told(end: &Finished<'_>) -> Option<u64> {
    let headers = end.headers().filter(|_| end.error().is_none())?;
    headers.text("content-length")?.parse().ok()
}
