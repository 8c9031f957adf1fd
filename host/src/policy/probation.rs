//! How long a new stack is on probation.

use std::time::Duration;

/// A new stack is on probation until it has served for some time, or a number of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probation {
    /// At most this long.
    pub time: Duration,
    /// At most this many requests.
    pub requests: u64,
}

impl Probation {
    /// Whether a stack that has served for `age`, and this many `requests`, has passed its probation.
    #[must_use]
    pub fn passed(&self, age: Duration, requests: u64) -> bool {
        age >= self.time || requests >= self.requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_or_requests_are_enough() {
        let probation = Probation {
            time: Duration::from_secs(30),
            requests: 1000,
        };
        let short = Duration::from_millis(29_999);
        assert!(!probation.passed(short, 999));
        assert!(probation.passed(Duration::from_secs(30), 0));
        assert!(probation.passed(short, 1000));
    }

    #[test]
    fn zero_time_is_passed_at_once() {
        let none = Probation {
            time: Duration::ZERO,
            requests: 1000,
        };
        assert!(none.passed(Duration::ZERO, 0));
    }
}
