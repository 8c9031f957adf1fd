//! The moments of late at which something happened.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::apart;

/// Moments, in the order in which they were noted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecentEvents(VecDeque<u64>);

impl RecentEvents {
    /// Notes `now`, and says how many moments lie within `window` of it, itself included.
    pub(super) fn record(&mut self, now: u64, window: Duration) -> usize {
        self.expire(now, window);
        self.0.push_back(now);
        self.0.len()
    }

    /// Forgets what lies further off than `window`.
    pub(super) fn expire(&mut self, now: u64, window: Duration) {
        self.0.retain(|moment| apart(now, *moment) <= window);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
