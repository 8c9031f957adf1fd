//! The body of a request: what reads from the front server feeds it piece by piece, a handler reads it, perhaps in another thread.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// How much of a body may arrive before a handler reads it.
const ROOM: usize = 64 << 10;

/// Why a body ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It goes on after `CONTENT_LENGTH`.
    #[error("it is longer than CONTENT_LENGTH says")]
    TooLong,
    /// It ends before `CONTENT_LENGTH`.
    #[error("it is shorter than CONTENT_LENGTH says")]
    TooShort,
    /// Nothing more comes.
    #[error("the front server has given up the request")]
    GivenUp,
}

/// The front server's side. Its drop before the end is an error for who reads.
#[derive(Debug)]
pub struct Feed(Arc<Mutex<State>>);

/// The handler's side.
#[derive(Debug)]
pub struct RequestBody(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    frames: VecDeque<Bytes>,
    /// The bytes in `frames`.
    waiting: usize,
    /// What is still to arrive; none if unknown.
    missing: Option<u64>,
    end: Option<Result<(), BodyError>>,
    /// Whether nobody reads it any more.
    is_dropped: bool,
    reader: Option<Waker>,
    feeder: Option<Waker>,
}

/// A body of `length` bytes, if that is known.
pub fn body(length: Option<u64>) -> (Feed, RequestBody) {
    let state = Arc::new(Mutex::new(State {
        frames: VecDeque::new(),
        waiting: 0,
        missing: length,
        end: None,
        is_dropped: false,
        reader: None,
        feeder: None,
    }));
    (Feed(Arc::clone(&state)), RequestBody(state))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// Whether it takes more. If not, the task is woken when it does.
    pub fn has_room(&self, cx: &Context<'_>) -> bool {
        let mut state = lock(&self.0);
        let has_room = state.waiting < ROOM || state.is_dropped;
        if !has_room {
            state.feeder = Some(cx.waker().clone());
        }
        has_room
    }

    /// Passes on what has arrived: nothing is the end.
    pub fn push(&self, content: Bytes) {
        let mut state = lock(&self.0);
        if state.end.is_some() {
            return;
        }
        let length = content.len() as u64;
        match state.missing {
            Some(missing) if length > missing => state.end = Some(Err(BodyError::TooLong)),
            Some(missing) if length == 0 && missing > 0 => {
                state.end = Some(Err(BodyError::TooShort));
            }
            _ if length == 0 => state.end = Some(Ok(())),
            missing => {
                state.missing = missing.map(|missing| missing - length);
                if !state.is_dropped {
                    state.waiting += content.len();
                    state.frames.push_back(content);
                }
            }
        }
        state.wake_reader();
    }

    /// How much is still to arrive: none if it is not known.
    pub fn rest(&self) -> Option<u64> {
        let state = lock(&self.0);
        match state.end {
            Some(Ok(())) => Some(0),
            Some(Err(_)) => None,
            None => state.missing,
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if state.end.is_none() && state.missing != Some(0) {
            state.end = Some(Err(BodyError::GivenUp));
            state.wake_reader();
        }
    }
}

impl State {
    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// All of it was read.
    fn is_read(&self) -> bool {
        let has_all = self.missing == Some(0) && self.end.is_none() || self.end == Some(Ok(()));
        has_all && self.frames.is_empty()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut state = lock(&self.0);
        if let Some(frame) = state.frames.pop_front() {
            state.waiting -= frame.len();
            if let Some(feeder) = state.feeder.take() {
                feeder.wake();
            }
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        if state.is_read() {
            return Poll::Ready(None);
        }
        if let Some(Err(error)) = state.end {
            return Poll::Ready(Some(Err(error)));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).is_read()
    }

    fn size_hint(&self) -> SizeHint {
        let state = lock(&self.0);
        let waiting = state.waiting as u64;
        match (state.missing, state.end) {
            (_, Some(Ok(()))) => SizeHint::with_exact(waiting),
            (Some(missing), _) => SizeHint::with_exact(waiting + missing),
            (None, _) => {
                let mut hint = SizeHint::new();
                hint.set_lower(waiting);
                hint
            }
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_dropped = true;
        state.frames.clear();
        state.waiting = 0;
        if let Some(feeder) = state.feeder.take() {
            feeder.wake();
        }
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
