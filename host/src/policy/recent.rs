//! The recent times at which something happened.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::distance;

/// Times, in the order in which they were recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecentEvents(VecDeque<u64>);

impl RecentEvents {
    /// Records `now`, and returns how many times lie within `window` of it, including itself.
    pub(super) fn record(&mut self, now: u64, window: Duration) -> usize {
        self.expire(now, window);
        self.0.push_back(now);
        self.0.len()
    }

    /// Drops the times that are further from `now` than `window`.
    pub(super) fn expire(&mut self, now: u64, window: Duration) {
        self.0.retain(|time| distance(now, *time) <= window);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
