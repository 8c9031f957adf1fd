//! A response as CGI has it (RFC 3875, section 6): `Status`, fields, and the body.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderName, Response, StatusCode};
use http_body::Body;

use super::record::put_stdout;
use crate::serve::server::answer::bodiless;

/// How much of a body goes into one record: its bytes are copied there.
const PIECE: usize = 32 << 10;

/// A body that is being sent.
pub(super) struct SentBody<B> {
    /// None where none is sent, as with HEAD.
    body: Option<B>,
    /// The rest of a frame.
    rest: Bytes,
    id: u16,
}

/// Appends the head of a response. Returns its body, to be sent after that.
pub(super) fn begin<B: Body<Data = Bytes> + Unpin>(
    response: Response<B>,
    is_head: bool,
    id: u16,
    output: &mut BytesMut,
) -> SentBody<B> {
    let (parts, body) = response.into_parts();
    let has_body = !bodiless(parts.status, is_head);
    let mut head = status_line(parts.status);
    for (name, value) in parts.headers.iter().filter(|(name, _)| passes(name)) {
        field(&mut head, name, value.as_bytes());
    }
    // As hyper does with HTTP/1, so that the front server need not cut the body into chunks.
    let length = body.size_hint().exact();
    let length = length.filter(|length| has_body || is_head && *length > 0);
    if let Some(length) = length.filter(|_| !parts.headers.contains_key(CONTENT_LENGTH)) {
        field(&mut head, &CONTENT_LENGTH, length.to_string().as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    put_stdout(output, id, &head);
    SentBody {
        body: has_body.then_some(body),
        rest: Bytes::new(),
        id,
    }
}

/// Appends a response without a body.
pub(super) fn put_bare(output: &mut BytesMut, id: u16, status: StatusCode) {
    let mut head = status_line(status);
    field(&mut head, &CONTENT_LENGTH, b"0");
    head.extend_from_slice(b"\r\n");
    put_stdout(output, id, &head);
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

impl<B> SentBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    /// Appends the next piece. Returns false at the end.
    ///
    /// # Errors
    ///
    /// The body has failed, and the log says why.
    pub(super) fn poll_piece(
        &mut self,
        output: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<Result<bool, B::Error>> {
        if self.rest.is_empty() {
            let Some(body) = &mut self.body else {
                return Poll::Ready(Ok(false));
            };
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                // Trailers have no place in CGI.
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => {
                    self.body = None;
                    return Poll::Ready(Ok(false));
                }
            }
        }
        let length = self.rest.len().min(PIECE);
        put_stdout(output, self.id, &self.rest.split_to(length));
        Poll::Ready(Ok(true))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body_util::Full;

    use super::*;
    use crate::serve::server::fastcgi::record::Decoder;

    /// All that is sent, without its records.
    fn sent(response: Response<Full<Bytes>>, is_head: bool) -> Vec<u8> {
        let mut output = BytesMut::new();
        let mut body = begin(response, is_head, 1, &mut output);
        let mut cx = Context::from_waker(Waker::noop());
        while body.poll_piece(&mut output, &mut cx) == Poll::Ready(Ok(true)) {}
        let mut decoder = Decoder::default();
        decoder.buffer().extend_from_slice(&output);
        let mut sent = Vec::new();
        while let Some(piece) = decoder.next().unwrap() {
            assert!(!piece.content.is_empty(), "that would be the end");
            sent.extend_from_slice(&piece.content);
        }
        sent
    }

    fn response(status: u16, body: &'static [u8]) -> Response<Full<Bytes>> {
        let response = Response::builder().status(status).header("x-a", "1");
        response.body(Full::from(body)).unwrap()
    }

    #[test]
    fn response_has_its_status_as_a_field() {
        let mut response = response(404, b"no");
        for name in ["connection", "keep-alive", "status", "transfer-encoding"] {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, "x".parse().unwrap());
        }
        let expected = "Status: 404 Not Found\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nno";
        assert_eq!(String::from_utf8(sent(response, false)).unwrap(), expected);
        let unknown = sent(self::response(599, b""), false);
        assert!(unknown.starts_with(b"Status: 599 \r\n"));
    }

    #[test]
    fn bodies_that_are_not_sent_have_a_length_where_it_means_something() {
        let head = |status, is_head| String::from_utf8(sent(response(status, b"no"), is_head));
        let head = |status, is_head| head(status, is_head).unwrap();
        let with_length = "Status: 200 OK\r\nx-a: 1\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(head(200, true), with_length);
        assert_eq!(head(204, false), "Status: 204 No Content\r\nx-a: 1\r\n\r\n");
    }

    #[test]
    fn large_frame_is_cut() {
        let long = vec![b'x'; 3 * PIECE + 1];
        let response = Response::new(Full::from(long.clone()));
        let sent = sent(response, false);
        assert!(sent.ends_with(&long) && sent.len() < long.len() + 100);
    }
}
