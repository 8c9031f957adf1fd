//! What happened to a target a moment ago, in this process.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use http_cache::Timestamp;
use quick_cache::sync::Cache;

/// So many targets are remembered.
const MOST: usize = 10_000;

/// When something happened, by hashes of keys: a collision costs a wait or a miss at the most.
pub(crate) struct Recent {
    times: Cache<u64, Timestamp>,
    hasher: RandomState,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            times: Cache::new(MOST),
            hasher: RandomState::new(),
        }
    }
}

impl Recent {
    pub(crate) fn add(&self, key: &[u8], now: Timestamp) {
        self.times.insert(self.hasher.hash_one(key), now);
    }

    pub(crate) fn remove(&self, key: &[u8]) {
        self.times.remove(&self.hasher.hash_one(key));
    }

    /// Whether it happened at `time` or later.
    pub(crate) fn since(&self, key: &[u8], time: Timestamp) -> bool {
        let last = self.times.get(&self.hasher.hash_one(key));
        last.is_some_and(|last| last >= time)
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent")
    }
}
