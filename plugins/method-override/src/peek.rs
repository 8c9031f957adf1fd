//! A body that is read up to a point, and passed on whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use stackup_plugin::http_body::{Body as _, Frame};
use stackup_plugin::{Body, Bytes, Error, Result};

/// A body, and what has been read of it: a stream of its chunks that ends early.
pub(crate) struct LookedAt {
    rest: Body,
    chunks: Vec<Bytes>,
    /// How many bytes may still be read.
    left: usize,
    /// Whether the last chunk was not seen to its end.
    cut: bool,
    ended: bool,
    error: Option<Error>,
}

impl LookedAt {
    pub(crate) fn new(body: Body, most: usize) -> Self {
        Self {
            rest: body,
            chunks: Vec::new(),
            left: most,
            cut: false,
            ended: false,
            error: None,
        }
    }

    /// The body as it was.
    ///
    /// # Errors
    ///
    /// That of the body: the client broke off, or sent too much.
    pub(crate) fn into_body(self) -> Result<Body> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.rest.prepend(self.chunks)),
        }
    }

    /// Whether the last byte has been read.
    pub(crate) fn is_all(&self) -> bool {
        !self.cut && (self.ended || self.rest.is_end())
    }
}

impl Stream for LookedAt {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 || self.ended || self.error.is_some() {
            return Poll::Ready(None);
        }
        match ready!(Pin::new(&mut self.rest).poll_frame(cx)).map(|f| f.map(Frame::into_data)) {
            Some(Ok(Ok(chunk))) => {
                let seen = chunk.slice(..chunk.len().min(self.left));
                self.cut = seen.len() < chunk.len();
                self.left -= seen.len();
                self.chunks.push(chunk);
                Poll::Ready(Some(Ok(seen)))
            }
            // Trailers of a form are of no use to anybody.
            None | Some(Ok(Err(_))) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Some(Err(error)) => {
                self.error = Some(error);
                Poll::Ready(None)
            }
        }
    }
}
