//! The swap, and what is left behind by it or by a candidate that is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Generation;
use super::active::Active;
use super::candidate::Candidate;
use super::drain::{StackResources, drain};
use super::instance::{Instance, release};
use super::instance_changes::InstanceChanges;
use super::registry::GenerationEntry;
use super::reload::Reloader;
use super::serving::{Serving, apply_policy};
use super::status::lines;
use crate::load::manifest::Manifest;
use crate::serve::stack::Outline;

impl Reloader {
    /// From here on new requests get what was built; the generation before drains.
    pub(super) fn swap(
        &mut self,
        built: Candidate,
        outline: Outline,
        manifest: Manifest,
    ) -> InstanceChanges {
        self.number += 1;
        self.swap_as(self.number, built, outline, manifest)
    }

    /// The same under a number of one's choice.
    pub(super) fn swap_as(
        &mut self,
        number: u64,
        built: Candidate,
        outline: Outline,
        manifest: Manifest,
    ) -> InstanceChanges {
        let Candidate { stack, instances } = built;
        apply_policy(&instances, &manifest);
        let stack = Arc::new(stack);
        let (generation, gone) = Generation::new(number, Arc::clone(&stack), &manifest);
        let live = GenerationEntry {
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
        let before = old.as_ref().map(|old| &old.resources.instances[..]);
        let changes = InstanceChanges::of(before.unwrap_or_default(), &instances);
        let active = match old {
            None => {
                self.registry.swapped(Some(live), Duration::ZERO);
                Arc::new(Active::new(generation))
            }
            Some(old) => {
                let last = old.active.swap(generation);
                let deadline = last.limits.drain_timeout;
                self.drain(last, old.resources, Some(live), deadline);
                old.active
            }
        };
        self.serving = Some(Serving {
            active,
            manifest,
            outline,
            resources: StackResources {
                stack,
                instances,
                gone,
            },
        });
        changes
    }

    /// Lets `last` drain, in whose place `next` serves, if anything does.
    pub(super) fn drain(
        &mut self,
        last: Arc<Generation>,
        resources: StackResources,
        next: Option<GenerationEntry>,
        deadline: Duration,
    ) {
        self.registry.swapped(next, deadline);
        let (loaded, registry) = (self.loaded.clone(), Arc::clone(&self.registry));
        self.draining
            .spawn(drain(last, resources, deadline, loaded, registry));
        while self.draining.try_join_next().is_some() {}
    }

    /// Lets go of the instances of a candidate: those that were built for it end. Libraries rest that
    /// nothing uses without it.
    pub(super) fn abandon(&self, instances: Vec<Arc<Instance>>) {
        let (loaded, registry) = (self.loaded.clone(), Arc::clone(&self.registry));
        drop(tokio::spawn(async move {
            registry.rested(&release(instances, loaded).await);
        }));
    }
}
