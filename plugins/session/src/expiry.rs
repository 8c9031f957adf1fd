//! The expiry of sessions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When sessions expire, in seconds.
pub(crate) struct Expiry {
    pub(crate) expire_after: u64,
    /// Whether they do so although they are used.
    pub(crate) fixed: bool,
}

impl Expiry {
    /// When a session that begins now expires.
    pub(crate) fn until(&self) -> u64 {
        now().saturating_add(self.expire_after)
    }

    /// When a session expires that is saved now, and would have expired at `until`.
    pub(crate) fn until_after(&self, until: u64) -> u64 {
        match self.fixed {
            true => until,
            false => self.until(),
        }
    }

    /// How long that is from now.
    pub(crate) fn rest(&self, until: u64) -> Duration {
        Duration::from_secs(until.saturating_sub(now()).max(1))
    }

    pub(crate) fn is_expired(&self, until: u64) -> bool {
        // The second: saved when `expire_after` was longer.
        until <= now() || until > self.until()
    }

    /// Whether a session is to be saved although nothing has changed: after a tenth of its time, so that not each
    /// response has a cookie.
    pub(crate) fn needs_renewal(&self, until: u64) -> bool {
        !self.fixed && self.until().saturating_sub(until) > self.expire_after / 10
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_prolongs_a_sliding_session_only() {
        let soon = now() + 10;
        let [sliding, fixed] = [false, true].map(|fixed| Expiry {
            expire_after: 100,
            fixed,
        });
        assert!(sliding.until_after(soon) >= soon + 90);
        assert!(sliding.needs_renewal(soon) && !sliding.needs_renewal(sliding.until()));
        assert_eq!(fixed.until_after(soon), soon);
        assert!(!fixed.needs_renewal(soon));
    }
}
