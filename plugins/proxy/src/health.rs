//! Whether a server is worth a request: by how it has answered the ones before, and by checks. The clock is an argument.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// When a server gets no requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// After so many failures in a row; 0 for never.
    pub(crate) failures: u32,
    /// For so long. After it one more failure is enough.
    pub(crate) cool_down: Duration,
}

/// What is known of a server. Times are milliseconds of one clock, from 1.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Failures since the last success.
    failures: AtomicU32,
    /// Until when it gets no requests; 0 if it gets them.
    until: AtomicU64,
    /// Whether the last check has failed.
    down: AtomicBool,
}

impl Health {
    /// Whether it gets requests. Reads the clock only if it has failed.
    pub(crate) fn works(&self, now: impl FnOnce() -> u64) -> bool {
        if self.down.load(Relaxed) {
            return false;
        }
        let until = self.until.load(Relaxed);
        until == 0 || until <= now()
    }

    /// It has answered. Returns whether it got no requests before.
    pub(crate) fn succeed(&self) -> bool {
        // Nothing is written in the usual case: all threads read it.
        if self.failures.load(Relaxed) == 0 {
            return false;
        }
        self.failures.store(0, Relaxed);
        self.until.swap(0, Relaxed) != 0
    }

    /// It has failed. Returns whether it gets no requests from now on, and got some before.
    pub(crate) fn fail(&self, rule: &Rule, now: u64) -> bool {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if rule.failures == 0 || failures < rule.failures {
            return false;
        }
        let cool_down = u64::try_from(rule.cool_down.as_millis()).unwrap_or(u64::MAX);
        let before = self.until.swap(now.saturating_add(cool_down), Relaxed);
        before == 0
    }

    /// What a check has found. Returns whether it is another thing than before.
    pub(crate) fn set_down(&self, down: bool) -> bool {
        self.down.swap(down, Relaxed) != down
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
