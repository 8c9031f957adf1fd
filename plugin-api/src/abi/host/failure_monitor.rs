//! Failures of a handler instance, and whether it stays in service.

use std::sync::atomic::{AtomicBool, Ordering};

/// Counts the failures of one handler instance and decides whether it stays in service.
pub trait FailureMonitor: Send + Sync {
    /// Records a contained panic of the handler: in a call, a body, a hook, a task or a drop.
    fn panicked(&self, message: &str, place: &str, flag: &BreakerFlag);
    /// Whether to send this request to the handler. Called for each request while the flag is set.
    fn allows_request(&self, flag: &BreakerFlag) -> bool;
    /// Records that the handler blocked a thread for too long.
    fn blocked(&self);
    /// The failures so far.
    fn stats(&self) -> FailureStats;
}

/// The failures of one handler instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureStats {
    /// Contained panics.
    pub panics: u64,
    /// Polls that blocked their thread for too long.
    pub blocks: u64,
    /// Whether the handler gets no requests.
    pub out_of_service: bool,
}

/// Records nothing: for handlers that serve no client requests.
#[derive(Debug)]
pub struct IgnoreFailures;

impl FailureMonitor for IgnoreFailures {
    fn panicked(&self, _message: &str, _place: &str, _flag: &BreakerFlag) {}

    fn allows_request(&self, _flag: &BreakerFlag) -> bool {
        true
    }

    fn blocked(&self) {}

    fn stats(&self) -> FailureStats {
        FailureStats::default()
    }
}

/// Whether requests must call [`FailureMonitor::allows_request`]. Every request reads it, so it is one atomic.
#[derive(Debug, Default)]
pub struct BreakerFlag(AtomicBool);

impl BreakerFlag {
    /// Set it while holding the lock of the state that `allows_request` depends on.
    pub fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    /// Whether each request must ask.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
#[path = "failure_monitor_tests.rs"]
mod tests;
