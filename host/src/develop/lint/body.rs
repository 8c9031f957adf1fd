//! Bodies that are looked at as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use contract::{Flow, Kind, Print};
use http_body::{Body, Frame, SizeHint};
use stackup_plugin::abi::host::{Failure, HostBody};

use super::case::Case;
use super::layer::Layer;
use super::running;

type Polled = Poll<Option<Result<Frame<Bytes>, Failure>>>;

/// A request's body whose bytes are counted.
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

/// A response's body, at the border between its layer and the one above.
pub(super) struct Checked {
    pub(super) body: HostBody,
    pub(super) case: Arc<Case>,
    pub(super) layer: Arc<Layer>,
    pub(super) flow: Flow,
    pub(super) print: Print,
}

impl Checked {
    fn check(&mut self, frame: Option<&Frame<Bytes>>, reader: Option<Arc<Layer>>) {
        let Self {
            layer, flow, print, ..
        } = self;
        let chunk = frame.and_then(Frame::data_ref);
        let mut offences = Vec::new();
        if let Some(chunk) = chunk {
            let bytes = chunk.len() as u64;
            // An empty chunk gives nothing.
            if bytes > 0 {
                offences.extend(layer.gives());
                if let Some(reader) = reader {
                    layer.is_read_by(&reader, bytes);
                }
            }
            print.chunk(chunk);
            offences.extend(flow.chunk(bytes));
        } else if frame.is_some() {
            offences.extend(flow.trailers());
        }
        // A body that knows its end is not asked again.
        if chunk.is_none() || self.body.is_end_stream() {
            offences.extend(layer.gives());
            offences.extend(flow.end());
            print.end();
            offences.extend(layer.ends(print));
        }
        for offence in offences {
            self.case.answered(&self.layer, &offence);
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
        let (polled, own) = running::polling(&this.case, &this.layer, poll);
        this.case.took(&this.layer, own, Kind::BodyBlocks);
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
