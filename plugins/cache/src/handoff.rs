//! A value that a task hands to the request that began it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Gives the value. Dropping it gives none.
pub(crate) struct Giver<T>(Arc<Shared<T>>);

/// Waits for the value.
pub(crate) struct Taker<T>(Arc<Shared<T>>);

struct Shared<T>(Mutex<State<T>>);

struct State<T> {
    value: Option<T>,
    gone: bool,
    waker: Option<Waker>,
}

/// Both ends.
pub(crate) fn handoff<T>() -> (Giver<T>, Taker<T>) {
    let shared = Arc::new(Shared(Mutex::new(State {
        value: None,
        gone: false,
        waker: None,
    })));
    (Giver(Arc::clone(&shared)), Taker(shared))
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Giver<T> {
    pub(crate) fn give(self, value: T) {
        self.0.state().value = Some(value);
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.gone = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<T> Taker<T> {
    /// The value; `None` if there will be none.
    pub(crate) async fn take(self) -> Option<T> {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.gone {
                return Poll::Ready(state.value.take());
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}
