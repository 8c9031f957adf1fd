//! A layer's slot in an observed stack, and its counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

/// The slot of one layer.
#[derive(Debug)]
pub struct LayerSlot {
    /// Its position among the stack's directives, from 0.
    pub position: usize,
    /// The handler in it, as the manifest names it.
    pub handler: String,
    /// The handler's config as people are shown it.
    pub config: Map<String, Value>,
    calls: AtomicU64,
    failures: AtomicU64,
    nanoseconds: AtomicU64,
}

/// The counters of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LayerCounts {
    /// Requests that reached the layer.
    pub calls: u64,
    /// Requests that failed in it; an error from a layer below counts there.
    pub failures: u64,
    /// Time in the layer itself, without the layers below it, over all calls.
    pub milliseconds: f64,
}

impl LayerSlot {
    /// A slot with all counters at zero.
    pub fn new(position: usize, handler: String, config: Map<String, Value>) -> Self {
        Self {
            position,
            handler,
            config,
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
        }
    }

    /// The counters so far.
    pub fn counts(&self) -> LayerCounts {
        let own = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        LayerCounts {
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            milliseconds: own.as_secs_f64() * 1000.0,
        }
    }

    /// Counts a call that took `own` in the layer itself.
    pub fn count(&self, own: Duration, failed: bool) {
        let nanoseconds = u64::try_from(own.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(failed.into(), Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}
