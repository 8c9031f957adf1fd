//! A body that is read up to a limit and passed on in full.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use stackup_plugin::http_body::Frame;
use stackup_plugin::{Body, Bytes, Error, Result};

/// A body and the chunks read from it so far: a stream that ends at a limit.
pub(crate) struct Peek {
    rest: Body,
    chunks: Vec<Bytes>,
    /// How many bytes may still be read.
    left: usize,
    /// Whether the last chunk was cut off at the limit.
    cut: bool,
    ended: bool,
    error: Option<Error>,
}

impl Peek {
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

    /// The complete body.
    ///
    /// # Errors
    ///
    /// The error of the body: the client disconnected or sent too much.
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

impl Stream for Peek {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 || self.ended || self.error.is_some() {
            return Poll::Ready(None);
        }
        match ready!(self.rest.poll_frame(cx)).map(|f| f.map(Frame::into_data)) {
            Some(Ok(Ok(chunk))) => {
                let seen = chunk.slice(..chunk.len().min(self.left));
                self.cut = seen.len() < chunk.len();
                self.left -= seen.len();
                self.chunks.push(chunk);
                Poll::Ready(Some(Ok(seen)))
            }
            // Trailers of a form are ignored.
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
