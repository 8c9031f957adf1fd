//! The traces of the last requests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::request::Trace;

/// How many requests are kept.
const KEPT: usize = 200;

/// The last requests, those in flight included.
#[derive(Debug, Default)]
pub struct RecentRequests {
    last: AtomicU64,
    traces: Mutex<VecDeque<Arc<Trace>>>,
}

impl RecentRequests {
    /// Takes the number of the next request.
    pub fn next_number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds a request; the oldest is dropped for it.
    pub fn add(&self, trace: Arc<Trace>) {
        let mut traces = self.traces();
        if traces.len() == KEPT {
            traces.pop_front();
        }
        traces.push_back(trace);
    }

    /// All requests, the newest first.
    pub fn all(&self) -> Vec<Arc<Trace>> {
        self.traces().iter().rev().map(Arc::clone).collect()
    }

    /// The request with this number, if it is kept.
    pub fn find(&self, number: u64) -> Option<Arc<Trace>> {
        let traces = self.traces();
        let found = traces.iter().find(|trace| trace.number == number);
        found.map(Arc::clone)
    }

    fn traces(&self) -> MutexGuard<'_, VecDeque<Arc<Trace>>> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
