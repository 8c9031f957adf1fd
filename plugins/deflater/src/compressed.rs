//! A body that is compressed as it streams.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use stackup_plugin::http_body::{Body as HttpBody, Frame};
use stackup_plugin::{Body, Bytes, Error, Result};

use crate::encoder::Encoder;

/// How much is compressed at a time: then other requests of this thread have their turn.
const PIECE: usize = 16 * 1024;

/// The compressed form of a body.
pub(crate) struct Compressed {
    body: Body,
    /// None once all is compressed, or has failed.
    encoder: Option<Encoder>,
    /// What is still to be compressed of a chunk.
    chunk: Bytes,
    sync: bool,
    trailers: Option<Frame<Bytes>>,
}

impl Compressed {
    pub(crate) fn new(body: Body, encoder: Encoder, sync: bool) -> Self {
        Self {
            body,
            encoder: Some(encoder),
            chunk: Bytes::new(),
            sync,
            trailers: None,
        }
    }

    /// Compresses a piece of the chunk; returns what is ready to be sent.
    fn compress(&mut self, encoder: &mut Encoder) -> Result<Vec<u8>> {
        let piece = self.chunk.split_to(self.chunk.len().min(PIECE));
        encoder.write(&piece)?;
        // What ends now is flushed by its end.
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
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
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

impl HttpBody for Compressed {
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
