//! The live generations and what holds each. Readable at any time, also during a reload.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::drain_state::{DrainState, DrainTimes};
use super::health::Health;
use super::held_by::HeldBy;
use super::instance::Released;
use super::status::{
    ActiveGeneration, DrainingGeneration, GenerationStatus, HandlerHealth, StackLine,
};
use super::waiting::WaitingRequests;
use crate::policy::RetiredUsage;
use crate::services::Tasks;

/// The live generations of this process.
#[derive(Debug, Default)]
pub struct Registry(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    active: Option<GenerationEntry>,
    /// The oldest first.
    draining: Vec<DrainingEntry>,
    retired: RetiredUsage,
}

/// What the registry knows about a generation. Does not keep it alive.
#[derive(Debug)]
pub(super) struct GenerationEntry {
    pub(super) number: u64,
    pub(super) since: Instant,
    pub(super) stack: Vec<StackLine>,
    /// The tasks of its instances.
    pub(super) tasks: Vec<Arc<Tasks>>,
    pub(super) health: Vec<Arc<Health>>,
    pub(super) waiting: Arc<WaitingRequests>,
    pub(super) drain: Arc<DrainState>,
}

#[derive(Debug)]
struct DrainingEntry {
    generation: GenerationEntry,
    since: Instant,
    times: DrainTimes,
    stuck: bool,
}

impl Registry {
    /// The generations as they are now.
    pub fn status(&self, now: Instant) -> GenerationStatus {
        self.state().status(now)
    }

    /// What retired generations have left behind for good.
    pub fn retired(&self) -> RetiredUsage {
        self.state().retired
    }

    /// What keeps a draining generation from ending.
    pub(super) fn held_by(&self, number: u64, now: Instant) -> HeldBy {
        self.state().held_by(number, now)
    }

    /// What waits in all generations, those that drain first.
    pub fn open_requests(&self, now: Instant) -> Vec<HeldBy> {
        let state = self.state();
        let draining = state.draining.iter().map(|one| &one.generation);
        let all = draining.chain(&state.active);
        let held_by = |one: &GenerationEntry| HeldBy {
            waiting: one.waiting.requests(now),
            ..HeldBy::default()
        };
        all.map(held_by).collect()
    }

    /// `next` serves from now on; the generation before it, if any, drains.
    pub(super) fn swapped(&self, next: Option<GenerationEntry>, times: DrainTimes) {
        self.state().swapped(next, Instant::now(), times);
    }

    pub(super) fn drained(&self, number: u64) {
        self.state().drained(number);
    }

    pub(super) fn stuck(&self, number: u64) {
        self.state().stuck(number);
    }

    /// Instances were released: the size of unused libraries may have changed.
    pub(super) fn rested(&self, end: &Released) {
        if let Some(count) = end.libraries {
            let retired = &mut self.state().retired;
            retired.bytes = count.unused_bytes;
            retired.threads = count.unused_threads;
            retired.descriptors = count.unused_descriptors;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn swapped(&mut self, next: Option<GenerationEntry>, now: Instant, times: DrainTimes) {
        if let Some(generation) = std::mem::replace(&mut self.active, next) {
            self.draining.push(DrainingEntry {
                generation,
                since: now,
                times,
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
        // A task that a newer generation has too does not end with this one.
        let newer: Vec<_> = draining.chain(&self.active).collect();
        let ends = |tasks: &&Arc<Tasks>| {
            let is = |other: &Arc<Tasks>| Arc::ptr_eq(other, tasks);
            !newer.iter().any(|one| one.tasks.iter().any(is))
        };
        let tasks = generation.tasks.iter().filter(ends);
        let GenerationEntry { waiting, drain, .. } = generation;
        let kept = |level| drain.keeper(level).is_some();
        HeldBy {
            waiting: waiting.requests_at(now, |level| !kept(level)),
            kept: drain.kept_calls() + waiting.count_at(kept),
            tasks: tasks.flat_map(|tasks| tasks.running(now)).collect(),
        }
    }

    fn status(&self, now: Instant) -> GenerationStatus {
        let left = |since: Instant, time: Duration| {
            (since + time).saturating_duration_since(now).as_secs_f64()
        };
        let seconds = |since: Instant| now.saturating_duration_since(since).as_secs_f64();
        let active = self.active.as_ref().map(|active| ActiveGeneration {
            number: active.number,
            seconds: seconds(active.since),
            stack: active.stack.clone(),
            waiting: active.waiting.requests(now),
            handlers: active
                .health
                .iter()
                .map(|health| HandlerHealth::of(health))
                .collect(),
        });
        let draining = self.draining.iter().map(|one| DrainingGeneration {
            number: one.generation.number,
            seconds: seconds(one.since),
            deadline_seconds: left(one.since, one.times.requests),
            upgrade_deadline_seconds: left(one.since, one.times.upgrades),
            stuck: one.stuck,
            held_by: self.held_by(one.generation.number, now),
        });
        GenerationStatus {
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
