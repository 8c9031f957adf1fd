//! The last requests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::trace::Trace;

/// As many requests are remembered.
const KEPT: usize = 200;

/// The last requests, those that are under way included.
#[derive(Debug, Default)]
pub struct Recent {
    last: AtomicU64,
    traces: Mutex<VecDeque<Arc<Trace>>>,
}

impl Recent {
    /// A number for the next one.
    pub fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Remembers one; the oldest is forgotten for it.
    pub fn add(&self, trace: Arc<Trace>) {
        let mut traces = self.traces();
        if traces.len() == KEPT {
            traces.pop_front();
        }
        traces.push_back(trace);
    }

    /// All of them, the newest first.
    pub fn all(&self) -> Vec<Arc<Trace>> {
        self.traces().iter().rev().map(Arc::clone).collect()
    }

    /// One of them.
    pub fn find(&self, number: u64) -> Option<Arc<Trace>> {
        let traces = self.traces();
        let found = traces.iter().find(|trace| trace.number == number);
        found.map(Arc::clone)
    }

    fn traces(&self) -> MutexGuard<'_, VecDeque<Arc<Trace>>> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
