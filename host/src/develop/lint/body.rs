//! Bodies that lint checks as their frames pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use contract::{BodyDigest, FrameChecker, Kind};
use http_body::{Body, Frame, SizeHint};
use stackup_plugin::abi::host::{Failure, HostBody};

use super::layer::Layer;
use super::request::RequestCheck;
use super::running;

type Polled = Poll<Option<Result<Frame<Bytes>, Failure>>>;

/// Counts the bytes of a request's body.
pub(super) struct Counted {
    pub(super) body: HostBody,
    pub(super) read: Arc<AtomicU64>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            self.read.fetch_add(bytes, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Checks a response's body between its layer and the layer above.
pub(super) struct Checked {
    pub(super) body: HostBody,
    pub(super) check: Arc<RequestCheck>,
    pub(super) layer: Arc<Layer>,
    pub(super) frames: FrameChecker,
    pub(super) digest: BodyDigest,
}

impl Checked {
    fn check(&mut self, frame: Option<&Frame<Bytes>>, reader: Option<Arc<Layer>>) {
        let Self {
            layer,
            frames,
            digest,
            ..
        } = self;
        let chunk = frame.and_then(Frame::data_ref);
        let mut offences = Vec::new();
        if let Some(chunk) = chunk {
            let bytes = chunk.len() as u64;
            // An empty chunk does not count as output.
            if bytes > 0 {
                offences.extend(layer.gave());
                if let Some(reader) = reader {
                    layer.read_by(&reader, bytes);
                }
            }
            digest.chunk(chunk);
            offences.extend(frames.chunk(bytes));
        } else if frame.is_some() {
            offences.extend(frames.trailers());
        }
        // The reader does not poll a body again that reports its end.
        if chunk.is_none() || self.body.is_end_stream() {
            offences.extend(layer.gave());
            offences.extend(frames.end());
            digest.end();
            offences.extend(layer.body_ended(digest));
        }
        for offence in offences {
            self.check.in_response(&self.layer, &offence);
        }
    }
}

impl Body for Checked {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = &mut *self;
        let reader = running::layer();
        let body = &mut this.body;
        let poll = || Pin::new(body).poll_frame(cx);
        let (polled, own) = running::polling(&this.check, &this.layer, poll);
        this.check.polled(&this.layer, own, Kind::BlockingBody);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => this.check(Some(frame), reader),
            Poll::Ready(None) => this.check(None, reader),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
