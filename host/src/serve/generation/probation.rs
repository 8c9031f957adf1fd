//! The first requests of a generation, counted while it is on probation.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts up to a number; after that a request costs one load.
#[derive(Debug)]
pub(super) struct FirstRequests {
    enough: u64,
    left: AtomicU64,
}

impl FirstRequests {
    pub(super) fn new(enough: u64) -> Self {
        Self {
            enough,
            left: AtomicU64::new(enough),
        }
    }

    #[inline]
    pub(super) fn count(&self) {
        if self.left.load(Ordering::Relaxed) > 0 {
            // Two threads may see the last one; only one takes it.
            let one_less = |left: u64| left.checked_sub(1);
            let _ = self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        }
    }

    pub(super) fn stop(&self) {
        self.left.store(0, Ordering::Relaxed);
    }

    pub(super) fn counted(&self) -> u64 {
        self.enough - self.left.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_from_many_threads_stops_at_the_number() {
        let first = FirstRequests::new(1000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..200).for_each(|_| first.count()));
            }
        });
        assert_eq!(first.counted(), 800);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..200).for_each(|_| first.count()));
            }
        });
        assert_eq!(first.counted(), 1000);
    }

    #[test]
    fn stopped_count_is_complete() {
        let first = FirstRequests::new(3);
        first.count();
        first.stop();
        first.count();
        assert_eq!(first.counted(), 3);
        assert_eq!(FirstRequests::new(0).counted(), 0);
    }
}
