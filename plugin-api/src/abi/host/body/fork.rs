//! A body shared by forked requests; the first to read it gets it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};

use super::HostBody;
use crate::abi::host::failure::Failure;

/// A second body with the content of `body`, which becomes the first.
pub(in crate::abi::host) fn fork_body(body: &mut HostBody) -> HostBody {
    match body {
        HostBody::Empty => return HostBody::Empty,
        HostBody::Full(bytes) => return HostBody::Full(bytes.clone()),
        HostBody::Stream(_) | HostBody::Plugin(_) | HostBody::File(_) => {}
    }
    let shared = Arc::new(Mutex::new(Some(std::mem::take(body))));
    let forked = || HostBody::Stream(Box::pin(ForkedBody::Shared(Arc::clone(&shared))));
    *body = forked();
    forked()
}

enum ForkedBody {
    /// Not read through this body. Empty once another one has read it.
    Shared(Arc<Mutex<Option<HostBody>>>),
    /// This one reads it.
    Taken(HostBody),
}

fn lock(shared: &Mutex<Option<HostBody>>) -> MutexGuard<'_, Option<HostBody>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Body for ForkedBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        if let Self::Shared(shared) = this {
            let Some(body) = lock(shared).take() else {
                *this = Self::Taken(HostBody::Empty);
                return Poll::Ready(Some(Err(Failure::body(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the body is gone: an app that was called before has read it",
                ))));
            };
            *this = Self::Taken(body);
        }
        match this {
            Self::Taken(body) => Pin::new(body).poll_frame(cx),
            Self::Shared(_) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Shared(shared) => lock(shared).as_ref().is_some_and(Body::is_end_stream),
            Self::Taken(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Shared(shared) => lock(shared)
                .as_ref()
                .map_or_else(SizeHint::new, Body::size_hint),
            Self::Taken(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn stream(text: &'static str) -> HostBody {
        struct Once(Option<&'static str>);
        impl Body for Once {
            type Data = Bytes;
            type Error = Failure;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
                let frame = self.0.take();
                Poll::Ready(frame.map(|text| Ok(Frame::data(Bytes::from(text)))))
            }
        }
        HostBody::Stream(Box::pin(Once(Some(text))))
    }

    /// The next chunk, or the error.
    fn next(body: &mut HostBody) -> Option<Result<Bytes, String>> {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(body).poll_frame(&mut cx) {
            Poll::Ready(frame) => frame.map(|frame| match frame {
                Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
                Err(failure) => Err(failure.to_string()),
            }),
            Poll::Pending => panic!("pending"),
        }
    }

    #[test]
    fn first_reader_gets_body() {
        let mut first = stream("abc");
        let mut second = fork_body(&mut first);
        let mut third = fork_body(&mut second);
        assert_eq!(next(&mut second).unwrap().unwrap(), "abc");
        assert!(next(&mut second).is_none());
        for other in [&mut first, &mut third] {
            assert!(
                next(other)
                    .unwrap()
                    .unwrap_err()
                    .contains("the body is gone")
            );
            assert!(next(other).is_none());
        }
    }

    #[test]
    fn unread_fork_dropped_leaves_body() {
        let mut first = stream("abc");
        drop(fork_body(&mut first));
        drop(fork_body(&mut first));
        assert!(!first.is_end_stream());
        assert_eq!(next(&mut first).unwrap().unwrap(), "abc");
    }

    #[test]
    fn full_body_is_read_by_all() {
        let mut first = HostBody::Full(Bytes::from_static(b"abc"));
        let mut second = fork_body(&mut first);
        assert_eq!(next(&mut first).unwrap().unwrap(), "abc");
        assert_eq!(next(&mut second).unwrap().unwrap(), "abc");
        let mut empty = HostBody::Empty;
        assert!(fork_body(&mut empty).is_end_stream() && empty.is_end_stream());
    }
}
