//! A body that is compressed while it streams.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use stackup_plugin::http_body::{Body as HttpBody, Frame};
use stackup_plugin::{Body, Bytes, Error, Result};

use crate::encoder::Encoder;

/// How much is compressed at a time, so that other requests on this thread get their turn.
pub(crate) const PIECE: usize = 16 * 1024;

/// A body that is compressed while it streams.
pub(crate) struct CompressedBody {
    body: Body,
    /// None once everything is compressed or the body has failed.
    encoder: Option<Encoder>,
    /// The rest of the current chunk.
    chunk: Bytes,
    sync: bool,
    trailers: Option<Frame<Bytes>>,
}

impl CompressedBody {
    pub(crate) fn new(body: Body, encoder: Encoder, sync: bool) -> Self {
        Self {
            body,
            encoder: Some(encoder),
            chunk: Bytes::new(),
            sync,
            trailers: None,
        }
    }

    /// Compresses a piece of the chunk, and returns the output so far.
    fn compress(&mut self, encoder: &mut Encoder) -> Result<Vec<u8>> {
        let piece = self.chunk.split_to(self.chunk.len().min(PIECE));
        encoder.write(&piece)?;
        // The end of the body flushes the rest.
        if self.sync && self.chunk.is_empty() && !self.body.is_end() {
            encoder.flush()?;
        }
        Ok(encoder.take())
    }

    /// The next bytes to send; none at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>>>> {
        let mut compressed = 0;
        while let Some(mut encoder) = self.encoder.take() {
            if compressed >= PIECE {
                self.encoder = Some(encoder);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.chunk.is_empty() {
                compressed += self.chunk.len().min(PIECE);
                let bytes = self.compress(&mut encoder)?;
                self.encoder = Some(encoder);
                if !bytes.is_empty() {
                    return Poll::Ready(Some(Ok(bytes)));
                }
                continue;
            }
            let frame = match self.body.poll_frame(cx) {
                Poll::Ready(frame) => frame.transpose()?,
                Poll::Pending => {
                    self.encoder = Some(encoder);
                    return Poll::Pending;
                }
            };
            match frame.map(Frame::into_data) {
                Some(Ok(chunk)) => {
                    self.chunk = chunk;
                    self.encoder = Some(encoder);
                }
                last => {
                    self.trailers = last.and_then(Result::err);
                    return Poll::Ready(Some(Ok(encoder.finish()?)));
                }
            }
        }
        Poll::Ready(None)
    }
}

impl HttpBody for CompressedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let bytes = ready!(self.poll_bytes(cx));
        let frame = bytes.map(|bytes| bytes.map(|bytes| Frame::data(bytes.into())));
        Poll::Ready(frame.or_else(|| self.trailers.take().map(Ok)))
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }
}
