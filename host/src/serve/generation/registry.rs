//! The generations that are alive, and what holds each: for whoever asks, also while a reload runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::health::Health;
use super::held_by::HeldBy;
use super::instance::LetGo;
use super::status::{ActiveGeneration, DrainingGeneration, HandlerHealth, StackLine, Standing};
use super::waiting::Waiting;
use crate::policy::Retired;
use crate::services::Tasks;

/// The books of a process about its generations.
#[derive(Debug, Default)]
pub struct Census(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    active: Option<Live>,
    /// The oldest first.
    draining: Vec<Draining>,
    retired: Retired,
}

/// A generation as the books have it: nothing that would keep it alive.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) number: u64,
    pub(super) since: Instant,
    pub(super) stack: Vec<StackLine>,
    /// Those of its instances.
    pub(super) tasks: Vec<Arc<Tasks>>,
    pub(super) health: Vec<Arc<Health>>,
    pub(super) waiting: Arc<Waiting>,
}

#[derive(Debug)]
struct Draining {
    generation: Live,
    since: Instant,
    deadline: Instant,
    stuck: bool,
}

impl Census {
    /// The generations as they stand now.
    pub fn standing(&self, now: Instant) -> Standing {
        self.books().standing(now)
    }

    /// What generations have left behind for good.
    pub fn retired(&self) -> Retired {
        self.books().retired
    }

    /// What holds a generation that drains.
    pub(super) fn held_by(&self, number: u64, now: Instant) -> HeldBy {
        self.books().held_by(number, now)
    }

    /// `next` serves from now on; the one before drains, if there is one.
    pub(super) fn swapped(&self, next: Option<Live>, deadline: Duration) {
        self.books().swapped(next, Instant::now(), deadline);
    }

    pub(super) fn drained(&self, number: u64) {
        self.books().drained(number);
    }

    pub(super) fn stuck(&self, number: u64) {
        self.books().stuck(number);
    }

    /// Something was let go, and libraries rest.
    pub(super) fn rested(&self, end: &LetGo) {
        if let Some(count) = end.libraries {
            self.books().retired.bytes = count.resting_bytes;
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn swapped(&mut self, next: Option<Live>, now: Instant, deadline: Duration) {
        if let Some(generation) = std::mem::replace(&mut self.active, next) {
            self.draining.push(Draining {
                generation,
                since: now,
                deadline: now + deadline,
                stuck: false,
            });
        }
    }

    fn drained(&mut self, number: u64) {
        self.draining.retain(|one| one.generation.number != number);
        self.retired.generations += 1;
    }

    fn stuck(&mut self, number: u64) {
        let mut draining = self.draining.iter_mut();
        if let Some(one) = draining.find(|one| one.generation.number == number) {
            one.stuck = true;
        }
    }

    fn held_by(&self, number: u64, now: Instant) -> HeldBy {
        let mut draining = self.draining.iter().map(|one| &one.generation);
        let Some(generation) = draining.find(|one| one.number == number) else {
            return HeldBy::default();
        };
        // What a newer one has as well goes on in that.
        let newer: Vec<_> = draining.chain(&self.active).collect();
        let ends = |tasks: &&Arc<Tasks>| {
            let is = |other: &Arc<Tasks>| Arc::ptr_eq(other, tasks);
            !newer.iter().any(|one| one.tasks.iter().any(is))
        };
        let tasks = generation.tasks.iter().filter(ends);
        HeldBy {
            requests: generation.waiting.requests(now),
            tasks: tasks.flat_map(|tasks| tasks.running(now)).collect(),
        }
    }

    fn standing(&self, now: Instant) -> Standing {
        let seconds = |since: Instant| now.saturating_duration_since(since).as_secs_f64();
        let active = self.active.as_ref().map(|active| ActiveGeneration {
            number: active.number,
            seconds: seconds(active.since),
            stack: active.stack.clone(),
            requests: active.waiting.requests(now),
            handlers: active
                .health
                .iter()
                .map(|health| HandlerHealth::of(health))
                .collect(),
        });
        let draining = self.draining.iter().map(|one| DrainingGeneration {
            number: one.generation.number,
            seconds: seconds(one.since),
            deadline_seconds: one.deadline.saturating_duration_since(now).as_secs_f64(),
            stuck: one.stuck,
            held_by: self.held_by(one.generation.number, now),
        });
        Standing {
            active,
            draining: draining.collect(),
            retired: self.retired.generations,
            resting_bytes: self.retired.bytes,
        }
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
