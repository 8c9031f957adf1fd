//! Responses without a body to requests that hyper could not read.

use std::time::SystemTime;

use http::StatusCode;

/// A response after which the connection closes.
pub(super) fn bare_response(status: StatusCode) -> String {
    // Also this one says when it was made (RFC 9110 §6.6.1).
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\ndate: {date}\r\n\r\n")
}
