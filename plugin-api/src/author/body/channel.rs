//! A body sent through a channel, with back-pressure.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};

use crate::Error;

/// The sending end of [`Body::channel`](crate::Body::channel). Dropping it ends the body. If it is dropped
/// by a panic, the body ends with an error.
pub struct Sender(Arc<Shared>);

/// The reader is gone: the client left, or a layer above dropped the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of this body is gone")
    }
}

impl std::error::Error for Gone {}

pub(super) struct Receiver(Arc<Shared>);

struct Shared {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Result<Frame<Bytes>, Error>>,
    ended: bool,
    gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Waits for the reader to be gone.
    watcher: Option<Waker>,
}

impl Shared {
    /// Waits until there is room.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut state = self.state();
        if state.gone {
            return Poll::Ready(Err(Gone));
        }
        if state.frames.len() >= self.capacity {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn push(&self, frame: Result<Frame<Bytes>, Error>) {
        let mut state = self.state();
        state.frames.push_back(frame);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No author's code runs under the lock, so a poisoned state is still consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn channel(capacity: usize) -> (Sender, Receiver) {
    let shared = Arc::new(Shared {
        capacity: capacity.max(1),
        state: Mutex::default(),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl Sender {
    /// Sends a chunk; waits until there is room.
    ///
    /// # Errors
    ///
    /// [`Gone`] if the reader is gone: stop the work.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> Result<(), Gone> {
        self.push(Ok(Frame::data(data.into()))).await
    }

    /// Sends the trailers and ends the body.
    ///
    /// # Errors
    ///
    /// [`Gone`] if the reader is gone.
    pub async fn finish(mut self, trailers: HeaderMap) -> Result<(), Gone> {
        self.push(Ok(Frame::trailers(trailers))).await
    }

    /// Ends the body with an error, so that the client sees that it is incomplete.
    pub fn fail(self, error: impl Into<Error>) {
        self.0.state().frames.push_back(Err(error.into()));
    }

    /// Completes once the reader is gone: the client left, a layer above dropped the body, or it has ended. So work that sends
    /// seldom can end at once.
    pub async fn gone(&mut self) {
        poll_fn(|cx| self.poll_gone(cx)).await;
    }

    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state();
        if state.gone {
            return Poll::Ready(());
        }
        state.watcher = Some(cx.waker().clone());
        Poll::Pending
    }

    /// What writes, but does not end the body.
    pub(crate) fn writer(&self) -> Writer {
        Writer(Arc::clone(&self.0))
    }

    async fn push(&mut self, frame: Result<Frame<Bytes>, Error>) -> Result<(), Gone> {
        let mut frame = Some(frame);
        poll_fn(|cx| {
            std::task::ready!(self.0.poll_ready(cx))?;
            if let Some(frame) = frame.take() {
                self.0.push(frame);
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

/// Writes into a body that a [`Sender`] ends.
pub(crate) struct Writer(Arc<Shared>);

impl Writer {
    /// Waits until there is room.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.0.poll_ready(cx)
    }

    /// Writes a chunk. [`poll_ready`](Self::poll_ready) has said that there is room.
    pub(crate) fn push(&mut self, data: Bytes) {
        self.0.push(Ok(Frame::data(data)));
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = self.0.state();
        // Otherwise the client would take the partial body for a complete one.
        if std::thread::panicking() {
            let error = Error::msg("the sender of this body panicked");
            state.frames.push_back(Err(error));
        }
        state.ended = true;
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.0.capacity)
            .finish_non_exhaustive()
    }
}

impl Body for Receiver {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut state = self.0.state();
        let frame = state.frames.pop_front();
        if frame.is_none() && !state.ended {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.state();
        state.ended && state.frames.is_empty()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.gone = true;
        let unread = std::mem::take(&mut state.frames);
        let waiting = [state.writer.take(), state.watcher.take()];
        drop(state);
        drop(unread);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}
