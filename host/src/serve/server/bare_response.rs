//! Responses of the server itself to requests that hyper could not read.

use std::time::SystemTime;

use http::StatusCode;

/// A response without a body, after which the connection closes.
pub(super) fn bare_response(status: StatusCode) -> String {
    head(status, 0, "")
}

/// The same with a text.
pub(super) fn bare_response_with(status: StatusCode, text: &str) -> String {
    let plain = "content-type: text/plain; charset=utf-8\r\n";
    head(status, text.len(), plain) + text
}

fn head(status: StatusCode, length: usize, fields: &str) -> String {
    // Also this one says when it was made (RFC 9110 §6.6.1).
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}date: {date}\r\n\r\n"
    )
}
