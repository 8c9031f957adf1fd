//! The expiry of sessions.

use std::time::{SystemTime, UNIX_EPOCH};

/// When unused sessions expire, in seconds.
pub(crate) struct Expiry {
    pub(crate) expire_after: u64,
}

impl Expiry {
    /// When a session that is used now expires.
    pub(crate) fn until(&self) -> u64 {
        now().saturating_add(self.expire_after)
    }

    pub(crate) fn is_expired(&self, until: u64) -> bool {
        // The second: sealed when `expire_after` was longer.
        until <= now() || until > self.until()
    }

    /// Whether the cookie is to be renewed although nothing has changed: after a tenth of its time, so that not each
    /// response has a cookie.
    pub(crate) fn needs_renewal(&self, until: u64) -> bool {
        self.until().saturating_sub(until) > self.expire_after / 10
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
