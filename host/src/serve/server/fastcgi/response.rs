//! A response in records of FastCGI.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body::Body;

use super::record::put_stdout;
use crate::serve::server::cgi;

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
    let (head, has_body) = cgi::head(&response, is_head);
    put_stdout(output, id, &head);
    SentBody {
        body: has_body.then_some(response.into_body()),
        rest: Bytes::new(),
        id,
    }
}

/// Appends a response without a body.
pub(super) fn put_bare(output: &mut BytesMut, id: u16, status: StatusCode) {
    put_stdout(output, id, &cgi::bare(status));
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

    #[test]
    fn large_frame_is_cut() {
        let long = vec![b'x'; 3 * PIECE + 1];
        let response = Response::new(Full::from(long.clone()));
        let mut output = BytesMut::new();
        let mut body = begin(response, false, 1, &mut output);
        let mut cx = Context::from_waker(Waker::noop());
        while body.poll_piece(&mut output, &mut cx) == Poll::Ready(Ok(true)) {}
        let mut decoder = Decoder::default();
        decoder.buffer().extend_from_slice(&output);
        let mut sent = Vec::new();
        while let Some(piece) = decoder.next().unwrap() {
            assert!(!piece.content.is_empty(), "that would be the end");
            sent.extend_from_slice(&piece.content);
        }
        assert!(sent.starts_with(b"Status: 200 OK\r\n"));
        assert!(sent.ends_with(&long) && sent.len() < long.len() + 100);
    }
}
