//! What the rules keep in the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stackup_plugin::{Store, StoreError, tracing};

use crate::quota::{Decision, Quota};

/// How often a request tries to be counted while others are counted in between.
const MOST_TRIES: u32 = 1000;

/// The counters of all rules.
pub(crate) struct Counters {
    store: Store,
    /// Whether the last operation failed.
    away: AtomicBool,
}

impl Counters {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            away: AtomicBool::new(false),
        }
    }

    /// Takes `cost` from the bucket of `key` at `now`, in nanoseconds of the system's clock: the one that all machines have.
    pub(crate) async fn take(
        &self,
        key: &str,
        quota: &Quota,
        cost: u32,
        now: u64,
    ) -> Result<Decision, StoreError> {
        let mut decision = Decision::Refused {
            retry_after: Duration::ZERO,
        };
        // Each conflict means that another request took from the same bucket, so the tries end with an empty one.
        for _ in 0..MOST_TRIES {
            let entry = self.noted(self.store.get(key).await)?;
            let version = entry.as_ref().map(|entry| entry.version);
            let full_at =
                entry.and_then(|entry| Some(u64::from_be_bytes((*entry.value).try_into().ok()?)));
            decision = quota.admit(full_at, cost, now);
            let Decision::Admitted { full_at, .. } = decision else {
                break;
            };
            let ttl = Duration::from_nanos(full_at - now);
            let value = full_at.to_be_bytes();
            let stored = self.store.compare_and_set(key, version, value, ttl).await;
            if self.noted(stored)?.is_some() {
                break;
            }
        }
        Ok(decision)
    }

    pub(crate) async fn is_banned(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.noted(self.store.get(key).await)?.is_some())
    }

    /// Adds one to a counter that ends after `time`, and returns it.
    pub(crate) async fn count(&self, key: &str, time: Duration) -> Result<i64, StoreError> {
        self.noted(self.store.add(key, 1, time).await)
    }

    /// Bans for `time`, and begins to count again.
    pub(crate) async fn ban(
        &self,
        key: &str,
        counter: &str,
        time: Duration,
    ) -> Result<(), StoreError> {
        self.noted(self.store.set(key, "1", time).await)?;
        self.noted(self.store.delete(counter).await)?;
        Ok(())
    }

    /// Logs once that the store is unavailable, and once that it is back.
    fn noted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let failed = result.is_err();
        if self.away.load(Ordering::Relaxed) != failed
            && self.away.swap(failed, Ordering::Relaxed) != failed
        {
            match &result {
                Err(error) => tracing::warn!("requests can't be counted: {error}"),
                Ok(_) => tracing::info!("requests are counted again"),
            }
        }
        result
    }
}
