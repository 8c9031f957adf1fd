//! The place of a layer in a stack that is watched, and what was counted there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

/// A layer's place in one stack.
#[derive(Debug)]
pub struct Seat {
    /// Its number among the stack's directives, from 0.
    pub number: usize,
    /// The handler that sits there, as the manifest names it.
    pub handler: String,
    /// Its config, secrets included.
    pub config: Map<String, Value>,
    calls: AtomicU64,
    failures: AtomicU64,
    nanoseconds: AtomicU64,
}

/// What was counted at a seat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Requests that came by.
    pub calls: u64,
    /// Those that failed there; an error that comes from below is counted below.
    pub failures: u64,
    /// Time in the layer itself, without the layers below it, over all calls.
    pub milliseconds: f64,
}

impl Seat {
    /// An empty one.
    pub fn new(number: usize, handler: String, config: Map<String, Value>) -> Self {
        Self {
            number,
            handler,
            config,
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
        }
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        let own = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        Tally {
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            milliseconds: own.as_secs_f64() * 1000.0,
        }
    }

    /// A call has ended after so much time of the layer's own.
    pub(super) fn count(&self, own: Duration, failed: bool) {
        let nanoseconds = u64::try_from(own.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(failed.into(), Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}
