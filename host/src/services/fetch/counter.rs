//! How many of something are alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of things that are alive.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicUsize);

/// One of them.
#[derive(Debug)]
pub(super) struct Counted(Arc<Counter>);

impl Counter {
    /// Counts one more, unless there are `limit` of them.
    pub(super) fn enter(self: &Arc<Self>, limit: usize) -> Option<Counted> {
        let one = Counted(Arc::clone(self));
        // Two that come at once may both be refused, right at the limit.
        (self.0.fetch_add(1, Ordering::Relaxed) < limit).then_some(one)
    }

    /// Counts one more.
    pub(super) fn add(self: &Arc<Self>) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(self))
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
