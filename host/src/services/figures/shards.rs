//! Counts that each thread has for itself, so that no core waits for another's cache.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The threads that count alone. What others count, they count together.
const ALONE: usize = 64;

/// The shard of those others.
const TOGETHER: usize = ALONE;

/// Which numbers of threads are taken: one bit each.
static TAKEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static THREAD: ThreadNumber = ThreadNumber::take();
}

/// The number of a thread among those that count alone, or [`TOGETHER`]. Another thread has it after its end.
struct ThreadNumber(usize);

impl ThreadNumber {
    fn take() -> Self {
        let add = |taken: u64| {
            let free = taken.trailing_ones() as usize;
            (free < ALONE).then(|| taken | 1 << free)
        };
        // The next thread of this number goes on from the counts of the last.
        let taken = TAKEN.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        Self(taken.map_or(TOGETHER, |taken| taken.trailing_ones() as usize))
    }
}

impl Drop for ThreadNumber {
    fn drop(&mut self) {
        if self.0 < ALONE {
            TAKEN.fetch_and(!(1 << self.0), Ordering::AcqRel);
        }
    }
}

/// One `T` for each thread that counts.
#[derive(Debug)]
pub(super) struct Shards<T>(Box<[OnceLock<Box<Alone<T>>>]>);

/// Shares no line of a cache with anything; processors may fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Alone<T>(T);

/// A count in a shard.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

/// The right of a thread to count in a shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer {
    is_alone: bool,
}

impl<T: Default> Shards<T> {
    /// The shard of this thread.
    #[inline]
    pub(super) fn own(&self) -> Option<(&T, Writer)> {
        // While a thread ends, it has no number any more.
        let number = THREAD.try_with(|thread| thread.0).unwrap_or(TOGETHER);
        let shard = self.0.get(number)?.get_or_init(Box::default);
        let is_alone = number < ALONE;
        Some((&shard.0, Writer { is_alone }))
    }

    /// The shards of all threads that have counted.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|shard| Some(&shard.get()?.0))
    }
}

impl<T> Default for Shards<T> {
    fn default() -> Self {
        Self((0..=ALONE).map(|_| OnceLock::new()).collect())
    }
}

impl Count {
    /// Adds to it. A thread that is alone in its shard pays no atomic operation.
    #[inline]
    pub(super) fn add(&self, writer: Writer, count: u64) {
        if writer.is_alone {
            let before = self.0.load(Ordering::Relaxed);
            self.0.store(before.wrapping_add(count), Ordering::Relaxed);
        } else {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What it has counted.
    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn no_count_of_more_threads_than_shards_is_lost() {
        let (counts, rounds) = (Shards::<Count>::default(), 3);
        let threads = ALONE + 20;
        for _ in 0..rounds {
            let all_here = Barrier::new(threads);
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        let (count, writer) = counts.own().unwrap();
                        all_here.wait();
                        (0..1000).for_each(|_| count.add(writer, 1));
                    });
                }
            });
        }
        let sum: u64 = counts.all().map(Count::value).sum();
        assert_eq!(sum, (rounds * threads * 1000) as u64);
    }
}
