//! Which polls block their thread, found by sampling. Pure: the clock is an argument.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// The most that two samples are apart. If they are further apart, the process was stopped or the machine overloaded,
/// and no handler is to blame.
const LONGEST_STEP: Duration = Duration::from_millis(500);

/// The time between two samples: at most this long while a handler runs, …
const LONGEST_INTERVAL: Duration = Duration::from_millis(50);
/// … and while none does, so that an idle process wakes seldom.
const LONGEST_IDLE_INTERVAL: Duration = Duration::from_millis(200);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(5);

/// How long a poll may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockLimits {
    /// Until the handler is reported.
    pub report: Option<Duration>,
    /// Until the handler has failed.
    pub limit: Option<Duration>,
}

impl BlockLimits {
    /// The time until the next sample, short enough for the limits. The process is idle if this one has found no handler.
    pub(super) fn interval(self, idle: bool) -> Duration {
        let longest = match idle {
            true => LONGEST_IDLE_INTERVAL,
            false => LONGEST_INTERVAL,
        };
        let shortest = self.report.into_iter().chain(self.limit).min();
        shortest.map_or(longest, |shortest| {
            (shortest / 2).clamp(SHORTEST_INTERVAL, longest)
        })
    }
}

/// A handler that a sample has found in a poll.
#[derive(Debug, Clone, Copy)]
pub(super) struct PollSample<H> {
    pub(super) thread: usize,
    /// The number of the poll on its thread.
    pub(super) poll: u64,
    pub(super) generation: u64,
    pub(super) handler: H,
}

/// A handler that blocks its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<H> {
    /// The handler whose code ran when it was reported.
    pub handler: H,
    /// The generation that was polled; 0 if it is not known, as with a task of `init`.
    pub generation: u64,
    /// How long, as far as samples show.
    pub time: Duration,
}

/// What a sample has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BlockEvent<H> {
    /// A handler blocks its thread for longer than the report limit.
    Blocked(Block<H>),
    /// A handler blocks its thread for so long that it has failed.
    Hung(Block<H>),
    /// A handler that was reported has returned.
    Unblocked(Block<H>),
}

/// The poll that each thread is in, and since when.
#[derive(Debug)]
pub(super) struct PollTracker<H> {
    by_thread: HashMap<usize, TrackedPoll<H>>,
    last: Option<Duration>,
}

#[derive(Debug)]
struct TrackedPoll<H> {
    poll: u64,
    block: Block<H>,
    reported: bool,
    hung: bool,
}

impl<H: Copy> PollTracker<H> {
    pub(super) fn new() -> Self {
        Self {
            by_thread: HashMap::new(),
            last: None,
        }
    }

    /// Adds a sample taken at `now`, by a monotonic clock.
    pub(super) fn sample(
        &mut self,
        now: Duration,
        samples: &[PollSample<H>],
        limits: BlockLimits,
    ) -> Vec<BlockEvent<H>> {
        let step = now.saturating_sub(self.last.unwrap_or(now));
        self.last = Some(now);
        let step = step.min(LONGEST_STEP);
        let mut events = Vec::new();
        self.by_thread.retain(|thread, poll| {
            let continues =
                |sample: &PollSample<H>| sample.thread == *thread && sample.poll == poll.poll;
            let still_polled = samples.iter().any(continues);
            if !still_polled && poll.is_reported() {
                events.push(BlockEvent::Unblocked(poll.block));
            }
            still_polled
        });
        for sample in samples {
            match self.by_thread.entry(sample.thread) {
                Entry::Vacant(entry) => drop(entry.insert(TrackedPoll::of(sample))),
                Entry::Occupied(mut entry) => {
                    entry
                        .get_mut()
                        .continues(sample.handler, step, limits, &mut events);
                }
            }
        }
        events
    }

    /// The handlers that were reported and have not returned.
    pub(super) fn blocked(&self) -> impl Iterator<Item = Block<H>> {
        let reported = self.by_thread.values().filter(|poll| poll.is_reported());
        reported.map(|poll| poll.block)
    }
}

impl<H: Copy> TrackedPoll<H> {
    fn of(sample: &PollSample<H>) -> Self {
        let block = Block {
            handler: sample.handler,
            generation: sample.generation,
            time: Duration::ZERO,
        };
        Self {
            poll: sample.poll,
            block,
            reported: false,
            hung: false,
        }
    }

    fn is_reported(&self) -> bool {
        self.reported || self.hung
    }

    fn continues(
        &mut self,
        handler: H,
        step: Duration,
        limits: BlockLimits,
        events: &mut Vec<BlockEvent<H>>,
    ) {
        self.block.time += step;
        let over = |limit: Option<Duration>| limit.is_some_and(|limit| self.block.time >= limit);
        let (report, hung) = (over(limits.report), over(limits.limit));
        if report && !self.reported {
            // One poll runs many handlers; the one that runs at the limit is reported.
            self.block.handler = handler;
            self.reported = true;
            events.push(BlockEvent::Blocked(self.block));
        }
        if hung && !self.hung {
            self.hung = true;
            let block = Block {
                handler,
                ..self.block
            };
            events.push(BlockEvent::Hung(block));
        }
    }
}

#[cfg(test)]
#[path = "polls_tests.rs"]
mod tests;
