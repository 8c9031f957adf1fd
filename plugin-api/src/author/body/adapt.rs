//! Bodies that wrap other bodies or streams, without buffering.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Body, End};
use crate::Error;

type Polled = Poll<Option<Result<Frame<Bytes>, Error>>>;

/// One chunk.
pub(super) struct Once(Option<Bytes>);

impl Once {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(Some(bytes))
    }
}

impl HttpBody for Once {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Polled {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, Bytes::len) as u64)
    }
}

pin_project! {
    /// A body of another type.
    pub(super) struct Converted<B> {
        #[pin]
        body: B,
    }
}

impl<B> Converted<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body }
    }
}

impl<B> HttpBody for Converted<B>
where
    B: HttpBody<Data: Into<Bytes>, Error: Into<Error>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let frame = ready!(self.project().body.poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|f| f.map_data(Into::into)).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// The chunks of a stream.
    pub(super) struct Streamed<S> {
        #[pin]
        stream: S,
    }
}

impl<S> Streamed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream }
    }
}

impl<S, T, E> HttpBody for Streamed<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Into<Bytes>,
    E: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let item = ready!(self.project().stream.poll_next(cx));
        Poll::Ready(item.map(|item| {
            item.map(|data| Frame::data(data.into()))
                .map_err(Into::into)
        }))
    }
}

/// A body whose frames pass through a function.
pub(super) struct Mapped<F> {
    body: Body,
    f: F,
}

impl<F> Mapped<F> {
    pub(super) fn new(body: Body, f: F) -> Self {
        Self { body, f }
    }
}

// `f` is never pinned in either.
impl<F> Unpin for Mapped<F> {}
impl<F: FnOnce(End<'_>, u64)> Unpin for OnEnd<F> {}

impl<F> HttpBody for Mapped<F>
where
    F: FnMut(Frame<Bytes>) -> Frame<Bytes>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let frame = ready!(self.body.poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(&mut self.f)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    // No size hint: `f` may change the size.
}

/// A body that reports its end.
pub(super) struct OnEnd<F: FnOnce(End<'_>, u64)> {
    body: Body,
    bytes: u64,
    f: Option<F>,
}

impl<F: FnOnce(End<'_>, u64)> OnEnd<F> {
    pub(super) fn new(body: Body, f: F) -> Self {
        Self {
            body,
            bytes: 0,
            f: Some(f),
        }
    }

    fn end(&mut self, end: End<'_>) {
        if let Some(f) = self.f.take() {
            f(end, self.bytes);
        }
    }
}

impl<F: FnOnce(End<'_>, u64)> HttpBody for OnEnd<F> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let frame = ready!(self.body.poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                // Readers do not poll a body of known length past its end.
                if self.body.is_end() {
                    self.end(End::Complete);
                }
            }
            Some(Err(error)) => self.end(End::Failed(error)),
            None => self.end(End::Complete),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<F: FnOnce(End<'_>, u64)> Drop for OnEnd<F> {
    fn drop(&mut self) {
        let end = if self.body.is_end() {
            End::Complete
        } else {
            End::Dropped
        };
        self.end(end);
    }
}
