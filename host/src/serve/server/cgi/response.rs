//! The head of a response (RFC 3875, section 6): `Status` and fields.

use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderName, Response, StatusCode};
use http_body::Body;

use crate::serve::server::answer::bodiless;

/// The head of a response, and whether its body follows.
pub fn head<B: Body>(response: &Response<B>, is_head: bool) -> (Vec<u8>, bool) {
    let (status, headers) = (response.status(), response.headers());
    let has_body = !bodiless(status, is_head);
    let mut head = status_line(status);
    for (name, value) in headers.iter().filter(|(name, _)| passes(name)) {
        field(&mut head, name, value.as_bytes());
    }
    // As hyper does with HTTP/1, so that the front server need not cut the body into chunks.
    let length = response.body().size_hint().exact();
    let length = length.filter(|length| has_body || is_head && *length > 0);
    if let Some(length) = length.filter(|_| !headers.contains_key(CONTENT_LENGTH)) {
        field(&mut head, &CONTENT_LENGTH, length.to_string().as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    (head, has_body)
}

/// A response without a body.
#[must_use]
pub fn bare(status: StatusCode) -> Vec<u8> {
    let mut head = status_line(status);
    field(&mut head, &CONTENT_LENGTH, b"0");
    head.extend_from_slice(b"\r\n");
    head
}

fn status_line(status: StatusCode) -> Vec<u8> {
    // With its reason, and a space if there is none: Apache reads no other.
    let reason = status.canonical_reason().unwrap_or_default();
    format!("Status: {} {reason}\r\n", status.as_str()).into_bytes()
}

fn field(head: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    head.extend_from_slice(name.as_str().as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// Neither the connection's, which is the front server's, nor one that CGI reads as its own.
fn passes(name: &HeaderName) -> bool {
    let others = ["keep-alive", "proxy-connection", "status"];
    ![CONNECTION, TE, TRAILER, TRANSFER_ENCODING].contains(name) && !others.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    fn response(status: u16, body: &'static [u8]) -> Response<Full<Bytes>> {
        let response = Response::builder().status(status).header("x-a", "1");
        response.body(Full::from(body)).unwrap()
    }

    fn text(response: &Response<Full<Bytes>>, is_head: bool) -> (String, bool) {
        let (head, has_body) = head(response, is_head);
        (String::from_utf8(head).unwrap(), has_body)
    }

    #[test]
    fn response_has_its_status_as_a_field() {
        let mut response = response(404, b"no");
        for name in ["connection", "keep-alive", "status", "transfer-encoding"] {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, "x".parse().unwrap());
        }
        let expected = "Status: 404 Not Found\r\nx-a: 1\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(text(&response, false), (expected.to_owned(), true));
        let (unknown, _) = text(&self::response(599, b""), false);
        assert!(unknown.starts_with("Status: 599 \r\n"));
    }

    #[test]
    fn bodies_that_are_not_sent_have_a_length_where_it_means_something() {
        let with_length = "Status: 200 OK\r\nx-a: 1\r\ncontent-length: 2\r\n\r\n";
        let without = "Status: 204 No Content\r\nx-a: 1\r\n\r\n";
        assert_eq!(
            text(&response(200, b"no"), true),
            (with_length.to_owned(), false)
        );
        assert_eq!(
            text(&response(204, b"no"), false),
            (without.to_owned(), false)
        );
    }
}
