//! The body of a response on a stream, in pieces by which it shows whether the client takes it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use stackup_plugin::abi::host::Failure;

use super::stream::Stream;
use crate::serve::server::body::ResponseBody;

/// A page of stackup's own.
pub(super) type OwnBody = UnsyncBoxBody<Bytes, Infallible>;

/// hyper gets no more at a time: h2 keeps what the client's window does not take.
const PIECE: usize = 64 << 10;

/// The body of a response.
pub(super) struct StreamBody {
    /// None where none is sent, as with HEAD.
    body: Option<ResponseBody<Stream>>,
    stream: Stream,
    /// The rest of a frame.
    rest: Bytes,
}

impl StreamBody {
    /// `is_sent` says whether the response has a body on the wire.
    pub(super) fn new(body: ResponseBody<Stream>, is_sent: bool, stream: Stream) -> Self {
        Self {
            body: is_sent.then_some(body),
            stream,
            rest: Bytes::new(),
        }
    }

    fn piece(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(PIECE);
        Frame::data(self.rest.split_to(length))
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        if !this.rest.is_empty() {
            this.stream.has_frame(true);
            return Poll::Ready(Some(Ok(this.piece())));
        }
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        this.stream
            .has_frame(matches!(polled, Poll::Ready(Some(Ok(_)))));
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(data) if data.len() > PIECE => {
                    this.rest = data;
                    this.piece()
                }
                Ok(data) => Frame::data(data),
                Err(other) => other,
            }))),
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            // hyper asks before the first frame.
            Some(body) if self.rest.is_empty() => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
