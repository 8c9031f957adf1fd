//! What goes wrong in a handler, and whether it is still asked.

use std::sync::atomic::{AtomicBool, Ordering};

/// Told of what goes wrong in one instance of a handler, and decides whether it stays in service.
pub trait Incidents: Send + Sync {
    /// A panic of the handler was contained: in a call, a body, a hook, a task or a drop.
    fn panicked(&self, message: &str, place: &str, guard: &Guard);
    /// Whether a request may try the handler; asked for each one while the guard is on.
    fn may_try(&self, guard: &Guard) -> bool;
    /// The handler has blocked a thread for long.
    fn blocked(&self);
    /// What there was up to now.
    fn tally(&self) -> Tally;
}

/// What has gone wrong in one instance of a handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Panics that were contained.
    pub panics: u64,
    /// Polls that blocked their thread for long.
    pub blocks: u64,
    /// Whether requests are kept from it.
    pub out_of_service: bool,
}

/// Nobody is told: for handlers that serve no requests of clients.
#[derive(Debug)]
pub struct Untold;

impl Incidents for Untold {
    fn panicked(&self, _message: &str, _place: &str, _guard: &Guard) {}

    fn may_try(&self, _guard: &Guard) -> bool {
        true
    }

    fn blocked(&self) {}

    fn tally(&self) -> Tally {
        Tally::default()
    }
}

/// Whether [`Incidents::may_try`] must be asked: the one thing that each request looks at.
#[derive(Debug, Default)]
pub struct Guard(AtomicBool);

impl Guard {
    /// Has each request ask, or none. Set it under the lock of what the answer depends on.
    pub fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    /// Whether each request asks.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
#[path = "failure_monitor_tests.rs"]
mod tests;
