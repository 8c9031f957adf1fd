//! The responses that a connection is sending, and their drain deadlines.
//!
//! hyper does not poll a body while the client takes nothing, so the body can't abort by itself; the connection does it.
//! And hyper drops a body as soon as it has taken its last frame, which may be large. Until its bytes are with the system,
//! the response holds its generation and is among the requests that wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use arc_swap::ArcSwapOption;

use super::response_guard::SentResponse;
use crate::serve::generation::DrainDeadline;

/// Shared by a connection and its response bodies.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// The deadline of the body that hyper has.
    body: ArcSwapOption<DrainDeadline>,
    /// Whether `unflushed` has any, so that other connections take no lock.
    has_unflushed: AtomicBool,
    unflushed: Mutex<Vec<SentResponse>>,
}

impl Sending {
    /// A body is being sent that must end at `deadline`.
    pub(super) fn begin(&self, deadline: &Arc<DrainDeadline>) {
        self.body.store(Some(Arc::clone(deadline)));
    }

    /// hyper has dropped the body.
    pub(super) fn end(&self) {
        self.body.store(None);
    }

    /// hyper has all of a response, but perhaps not the system.
    pub(super) fn push(&self, response: SentResponse) {
        self.unflushed().push(response);
        self.has_unflushed.store(true, Ordering::Relaxed);
    }

    /// The client takes nothing. Has the connection woken at the drain deadline of each response.
    pub(super) fn blocked(&self, cx: &mut Context<'_>) {
        if self.has_unflushed.load(Ordering::Relaxed) {
            for response in &mut *self.unflushed() {
                response.waits(cx);
            }
        }
    }

    /// The system has everything, or the connection has ended.
    pub(super) fn flushed(&self) {
        if self.has_unflushed.load(Ordering::Relaxed) {
            self.has_unflushed.store(false, Ordering::Relaxed);
            // Dropped without the lock: it may end a generation.
            let sent = std::mem::take(&mut *self.unflushed());
            drop(sent);
        }
    }

    /// Whether the drain deadline of a response has passed.
    pub(super) fn is_over(&self) -> bool {
        let body = self.body.load();
        let body_is_over = body.as_ref().is_some_and(|body| body.has_passed());
        let unflushed = self.has_unflushed.load(Ordering::Relaxed);
        body_is_over || (unflushed && self.unflushed().iter().any(SentResponse::is_over))
    }

    fn unflushed(&self) -> MutexGuard<'_, Vec<SentResponse>> {
        self.unflushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
