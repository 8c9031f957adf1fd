//! A body that is rewritten as it streams.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};

use super::Body;
use crate::Error;

/// Rewrites a body as it streams; see [`Body::rewrite`]. Unlike `map_chunks` it can hold bytes back from
/// one chunk to the next, and add some at the end.
pub trait Rewrite: Send + 'static {
    /// The bytes to send instead of `chunk`; empty to send nothing.
    ///
    /// # Errors
    ///
    /// An error ends the body, and the client sees that it is incomplete.
    fn chunk(&mut self, chunk: Bytes) -> Result<Bytes, Error>;

    /// The remaining bytes to send at the end, before any trailers.
    ///
    /// # Errors
    ///
    /// Same as [`chunk`](Self::chunk).
    fn end(&mut self) -> Result<Bytes, Error> {
        Ok(Bytes::new())
    }
}

pub(super) struct Rewritten<R> {
    body: Body,
    rewrite: R,
    trailers: Option<Frame<Bytes>>,
    ended: bool,
}

// `rewrite` is never pinned.
impl<R> Unpin for Rewritten<R> {}

impl<R> Rewritten<R> {
    pub(super) fn new(body: Body, rewrite: R) -> Self {
        Self {
            body,
            rewrite,
            trailers: None,
            ended: false,
        }
    }
}

impl<R: Rewrite> HttpBody for Rewritten<R> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        while !this.ended {
            let bytes = match ready!(this.body.poll_frame(cx)?) {
                None => {
                    this.ended = true;
                    this.rewrite.end()?
                }
                Some(frame) => match frame.into_data() {
                    Ok(chunk) => this.rewrite.chunk(chunk)?,
                    Err(trailers) => {
                        this.ended = true;
                        this.trailers = Some(trailers);
                        this.rewrite.end()?
                    }
                },
            };
            // Some readers treat an empty frame as the end.
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
        Poll::Ready(this.trailers.take().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.trailers.is_none()
    }

    // No size hint: `rewrite` may change the size.
}
