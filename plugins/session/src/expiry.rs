//! How long a session lasts.

use std::time::{SystemTime, UNIX_EPOCH};

/// How long a session lasts that is not used; all in seconds.
pub(crate) struct Clock {
    pub(crate) expire_after: u64,
}

impl Clock {
    /// When one that is used now is over.
    pub(crate) fn until(&self) -> u64 {
        now().saturating_add(self.expire_after)
    }

    pub(crate) fn is_over(&self, until: u64) -> bool {
        // One that was sealed when sessions lasted longer.
        until <= now() || until > self.until()
    }

    /// Whether it is to be sealed again though nothing has changed. After a tenth of its time: not
    /// each response needs a cookie.
    pub(crate) fn is_due(&self, until: u64) -> bool {
        self.until().saturating_sub(until) > self.expire_after / 10
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
