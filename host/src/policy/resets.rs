//! How many requests a client of HTTP/2 may give up before they are answered (CVE-2023-44487: each costs it two frames).

/// Whoever leaves a page gives up all of its requests at once, but does not do so again and again.
#[derive(Debug, Clone, Copy)]
pub struct ResetBudget {
    /// What is left, in thousandths of a request.
    left: u64,
    /// When it was refilled last, in milliseconds of any clock.
    refilled: u64,
    burst: u64,
}

/// How many a client gets back in a second.
const PER_SECOND: u64 = 10;

impl ResetBudget {
    /// For a connection with at most `streams` requests at a time, opened at `now`.
    pub fn new(streams: u32, now: u64) -> Self {
        let burst = u64::from(streams) * 2 * 1000;
        Self {
            left: burst,
            refilled: now,
            burst,
        }
    }

    /// A request was given up at `now`. Returns whether that was one too many.
    pub fn spend(&mut self, now: u64) -> bool {
        let since = now.saturating_sub(self.refilled);
        self.refilled = now;
        // A thousandth of a request for each thousandth of a second.
        let more = since.saturating_mul(PER_SECOND);
        self.left = self.left.saturating_add(more).min(self.burst);
        match self.left.checked_sub(1000) {
            Some(left) => {
                self.left = left;
                false
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_may_be_left_twice_and_then_ten_requests_a_second() {
        let mut budget = ResetBudget::new(100, 0);
        assert!((0..200).all(|_| !budget.spend(0)));
        assert!(budget.spend(0));
        assert!(budget.spend(99));
        assert!(!budget.spend(100), "a tenth of a second has passed");
        assert!(budget.spend(100));
        assert!((0..200).all(|_| !budget.spend(1_000_000)));
        assert!(budget.spend(1_000_000), "it holds no more than at first");
    }
}
