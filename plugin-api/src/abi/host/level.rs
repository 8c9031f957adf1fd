//! The level of its stack that a request was sent to: what it may still enter.

use std::sync::atomic::{AtomicU32, Ordering};

/// Two requests share the value.
const FORKED: u32 = 1 << 31;
/// It was sent to several levels.
const SEVERAL: u32 = FORKED - 1;

/// Written by each router on the way. Only one request writes it at a time, unless it was forked: so a store is enough.
#[derive(Debug, Default)]
pub(super) struct RequestLevel(AtomicU32);

impl RequestLevel {
    /// The level; none if there are several.
    pub(super) fn get(&self) -> Option<u32> {
        let level = self.0.load(Ordering::Acquire) & !FORKED;
        (level != SEVERAL).then_some(level)
    }

    /// Goes from a level to one below it.
    #[inline]
    pub(super) fn enter(&self, from: u32, to: u32) {
        if self.0.load(Ordering::Relaxed) == from {
            self.0.store(to, Ordering::Release);
        } else {
            self.enter_again(from, to);
        }
    }

    /// As [`enter`](Self::enter), for a request that was sent down before, or that was forked.
    #[cold]
    fn enter_again(&self, from: u32, to: u32) {
        let next = |bits: u32| {
            let level = match bits & !FORKED {
                level if level == from || level == to => to,
                _ => SEVERAL,
            };
            Some(bits & FORKED | level)
        };
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// Two requests write it from now on.
    pub(super) fn forked(&self) {
        self.0.fetch_or(FORKED, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routed_request_is_at_the_innermost_level() {
        let level = RequestLevel::default();
        assert_eq!(level.get(), Some(0));
        level.enter(0, 3);
        level.enter(3, 5);
        assert_eq!(level.get(), Some(5));
    }

    #[test]
    fn request_that_is_sent_down_again_may_be_anywhere() {
        let level = RequestLevel::default();
        level.enter(0, 3);
        level.enter(0, 3);
        assert_eq!(level.get(), Some(3), "the same way again");
        level.enter(0, 4);
        assert_eq!(level.get(), None);
        level.enter(0, 4);
        assert_eq!(level.get(), None, "for good");
    }

    #[test]
    fn forks_that_part_are_at_several_levels() {
        let level = RequestLevel::default();
        level.forked();
        level.enter(0, 1);
        assert_eq!(level.get(), Some(1));
        level.enter(0, 2);
        assert_eq!(level.get(), None);
    }
}
