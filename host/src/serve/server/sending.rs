//! The responses that a connection is sending, and their drain deadlines.
//!
//! hyper does not poll a body while the client takes nothing, so the body can't abort by itself; the connection does it.
//! And hyper drops a body as soon as it has taken its last frame, which may be large. Until its bytes are with the system,
//! the response holds its generation and is among the requests that wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::response_guard::SentResponse;
use crate::serve::generation::{DrainWatch, Outlook};

/// Shared by a connection and its response bodies.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// Whether `body` is one, so that other connections take no lock.
    has_body: AtomicBool,
    /// The body that hyper has.
    body: Mutex<Option<SentBody>>,
    /// Whether `unflushed` has any, likewise.
    has_unflushed: AtomicBool,
    unflushed: Mutex<Vec<SentResponse>>,
}

/// The end of a body that is being sent. The body itself holds its generation.
#[derive(Debug)]
struct SentBody {
    watch: DrainWatch,
    level: Option<u32>,
}

impl SentBody {
    /// Whether the drain deadline has passed. If not, the connection is woken when it may have.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            match self.watch.poll(self.level, cx) {
                // The body itself moves when hyper asks it for more.
                Poll::Ready(Outlook::Kept(_)) => {}
                Poll::Ready(Outlook::Over) => return true,
                Poll::Pending => return false,
            }
        }
    }
}

impl Sending {
    /// A body is being sent whose request was sent to `level`.
    pub(super) fn begin(&self, watch: DrainWatch, level: Option<u32>) {
        *self.body() = Some(SentBody { watch, level });
        self.has_body.store(true, Ordering::Relaxed);
    }

    /// Whether a body is being sent that may wait for the client.
    pub(super) fn has_body(&self) -> bool {
        self.has_body.load(Ordering::Relaxed)
    }

    /// hyper has dropped the body.
    pub(super) fn end(&self) {
        self.has_body.store(false, Ordering::Relaxed);
        *self.body() = None;
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

    /// The connection waits. Whether the drain deadline of a response has passed; if not, the connection is woken when it may
    /// have.
    pub(super) fn is_over(&self, cx: &mut Context<'_>) -> bool {
        let body = self.has_body.load(Ordering::Relaxed)
            && self.body().as_mut().is_some_and(|body| body.is_over(cx));
        let has_unflushed = self.has_unflushed.load(Ordering::Relaxed);
        body || has_unflushed && self.unflushed().iter_mut().any(|sent| sent.is_over(cx))
    }

    fn body(&self) -> MutexGuard<'_, Option<SentBody>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unflushed(&self) -> MutexGuard<'_, Vec<SentResponse>> {
        self.unflushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
