//! What becomes of a request whose generation is replaced: it continues, waits for the deadline, or ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::drain_state::{DrainDeadline, DrainState, SERVES, passed};
use super::generation::Generation;

/// The outlook of a request whose generation was replaced.
#[derive(Debug)]
pub enum Outlook {
    /// None of its handlers was replaced, so it counts for the active generation.
    Kept(Arc<Generation>),
    /// The drain deadline ends it.
    Over,
}

/// Watches the generation that a request counts for.
pub struct DrainWatch {
    /// The generation that the request arrived in: its level is one of that stack.
    origin: Arc<DrainState>,
    /// The generation that it counts for.
    current: Arc<DrainState>,
    /// Resolves when the state of `current` is no longer `seen`.
    change: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    seen: u8,
    deadline: DrainDeadline,
    /// The level at which it was found to be kept, if it counts for another generation than its own.
    kept_at: Option<u32>,
}

impl DrainWatch {
    /// For a request that arrived in the generation of `origin`.
    pub fn new(origin: &Arc<DrainState>) -> Self {
        Self::moved(Arc::clone(origin), origin, DrainDeadline::Requests)
    }

    fn moved(origin: Arc<DrainState>, current: &Arc<DrainState>, deadline: DrainDeadline) -> Self {
        Self {
            origin,
            current: Arc::clone(current),
            change: Box::pin(Arc::clone(current).changes(SERVES)),
            seen: SERVES,
            deadline,
            kept_at: None,
        }
    }

    /// From now on this deadline ends it.
    pub fn set_deadline(&mut self, deadline: DrainDeadline) {
        self.deadline = deadline;
    }

    /// A second watch for the same request.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            kept_at: self.kept_at,
            ..Self::moved(Arc::clone(&self.origin), &self.current, self.deadline)
        }
    }

    /// The request waits at `level`. Resolves when the request should continue elsewhere, which is watched from then on, or
    /// end.
    pub fn poll(&mut self, level: Option<u32>, cx: &mut Context<'_>) -> Poll<Outlook> {
        if self.kept_at.is_some() && self.kept_at != level {
            // A layer has sent it elsewhere, perhaps to a handler that was replaced.
            let origin = Arc::clone(&self.origin);
            *self = Self::moved(Arc::clone(&origin), &origin, self.deadline);
        }
        loop {
            if self.seen == self.current.state() && !passed(self.seen, self.deadline) {
                ready!(self.change.as_mut().poll(cx));
            }
            self.seen = self.current.state();
            if let Some(active) = self.origin.keeper(level) {
                *self = Self {
                    kept_at: level,
                    ..Self::moved(Arc::clone(&self.origin), active.drain(), self.deadline)
                };
                return Poll::Ready(Outlook::Kept(active));
            }
            if passed(self.seen, self.deadline) {
                return Poll::Ready(Outlook::Over);
            }
            self.change = Box::pin(Arc::clone(&self.current).changes(self.seen));
        }
    }

    /// Whether the drain deadline ends the request at `level`.
    pub fn is_over(&self, level: Option<u32>) -> bool {
        self.current.has_passed(self.deadline) && self.origin.keeper(level).is_none()
    }
}

impl fmt::Debug for DrainWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainWatch").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "drain_watch_tests.rs"]
pub(super) mod tests;
