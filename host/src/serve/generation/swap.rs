//! The swap, and what is left behind by it or by a candidate that is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Generation;
use super::active::Active;
use super::candidate::Built;
use super::drain::{Holdings, drain};
use super::instance::{Instance, let_go};
use super::instance_changes::Fates;
use super::registry::Live;
use super::reload::Reloader;
use super::serving::{Serving, heed};
use super::status::lines;
use crate::load::manifest::Manifest;
use crate::serve::stack::Outline;

impl Reloader {
    /// From here on new requests get what was built; the generation before drains.
    pub(super) fn swap(&mut self, built: Built, outline: Outline, manifest: Manifest) -> Fates {
        self.number += 1;
        self.swap_as(self.number, built, outline, manifest)
    }

    /// The same under a number of one's choice.
    pub(super) fn swap_as(
        &mut self,
        number: u64,
        built: Built,
        outline: Outline,
        manifest: Manifest,
    ) -> Fates {
        let Built { stack, instances } = built;
        heed(&instances, &manifest);
        let stack = Arc::new(stack);
        let (generation, gone) = Generation::new(number, Arc::clone(&stack), &manifest);
        let live = Live {
            number,
            since: Instant::now(),
            stack: lines(&outline, &instances, number),
            tasks: instances.iter().map(|one| Arc::clone(&one.tasks)).collect(),
            health: instances
                .iter()
                .map(|one| Arc::clone(&one.health))
                .collect(),
            waiting: Arc::clone(generation.waiting()),
        };
        let generation = Arc::new(generation);
        let old = self.serving.take();
        let before = old.as_ref().map(|old| &old.holdings.instances[..]);
        let fates = Fates::of(before.unwrap_or_default(), &instances);
        let active = match old {
            None => {
                self.census.swapped(Some(live), Duration::ZERO);
                Arc::new(Active::new(generation))
            }
            Some(old) => {
                let last = old.active.swap(generation);
                let deadline = last.limits.drain_timeout;
                self.drain(last, old.holdings, Some(live), deadline);
                old.active
            }
        };
        self.serving = Some(Serving {
            active,
            manifest,
            outline,
            holdings: Holdings {
                stack,
                instances,
                gone,
            },
        });
        fates
    }

    /// Lets `last` drain, in whose place `next` serves, if anything does.
    pub(super) fn drain(
        &mut self,
        last: Arc<Generation>,
        holdings: Holdings,
        next: Option<Live>,
        deadline: Duration,
    ) {
        self.census.swapped(next, deadline);
        let (loaded, census) = (self.loaded.clone(), Arc::clone(&self.census));
        self.draining
            .spawn(drain(last, holdings, deadline, loaded, census));
        while self.draining.try_join_next().is_some() {}
    }

    /// Lets go of the instances of a candidate: those that were built for it end. Libraries rest that
    /// nothing uses without it.
    pub(super) fn abandon(&self, instances: Vec<Arc<Instance>>) {
        let (loaded, census) = (self.loaded.clone(), Arc::clone(&self.census));
        drop(tokio::spawn(async move {
            census.rested(&let_go(instances, loaded).await);
        }));
    }
}
