//! Which targets were not cacheable a moment ago: requests for them do not wait for each other.

use std::hash::{BuildHasher, RandomState};

use http_cache::Timestamp;
use quick_cache::sync::Cache;

/// So many targets are remembered.
const MOST: usize = 10_000;

/// For so long, in milliseconds.
const REMEMBERED: u64 = 120_000;

/// The targets, as hashes: a collision costs a wait at the most.
pub(crate) struct Uncacheable {
    since: Cache<u64, Timestamp>,
    hasher: RandomState,
}

impl Default for Uncacheable {
    fn default() -> Self {
        Self {
            since: Cache::new(MOST),
            hasher: RandomState::new(),
        }
    }
}

impl Uncacheable {
    pub(crate) fn add(&self, flight: &[u8], now: Timestamp) {
        self.since.insert(self.hasher.hash_one(flight), now);
    }

    pub(crate) fn remove(&self, flight: &[u8]) {
        self.since.remove(&self.hasher.hash_one(flight));
    }

    pub(crate) fn contains(&self, flight: &[u8], now: Timestamp) -> bool {
        let since = self.since.get(&self.hasher.hash_one(flight));
        since.is_some_and(|since| now.since(since) < REMEMBERED)
    }
}
