//! The active generation and those that drain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stackup_plugin::abi::host::Handler;
use tokio::task::JoinSet;

use super::active::Active;
use super::candidate::Candidate;
use super::drain::{StackResources, drain};
use super::drain_state::DrainTimes;
use super::generation::Generation;
use super::instance::{Instance, release};
use super::instance_changes::InstanceChanges;
use super::life_call::{Callee, life_call};
use super::registry::{GenerationEntry, Registry};
use super::serving::{Serving, apply_policy, start_tasks};
use super::status::lines;
use crate::load::library::LoadedLibraries;
use crate::load::manifest::Manifest;
use crate::serve::stack::{Outline, Stack};

/// A candidate as a generation, before it serves.
pub(super) struct NextGeneration {
    pub(super) generation: Arc<Generation>,
    pub(super) resources: StackResources,
}

impl NextGeneration {
    pub(super) fn new(number: u64, built: Candidate, manifest: &Manifest) -> Self {
        let Candidate { stack, instances } = built;
        let stack = Arc::new(stack);
        let ids = instances.iter().map(|instance| instance.id).collect();
        let (generation, gone) = Generation::new(number, Arc::clone(&stack), ids, manifest);
        let resources = StackResources {
            stack,
            instances,
            gone,
        };
        Self {
            generation,
            resources,
        }
    }
}

/// Swaps candidates in and drains what they replace.
pub(super) struct Generations {
    /// The number of the last generation.
    pub(super) number: u64,
    pub(super) serving: Option<Serving>,
    pub(super) registry: Arc<Registry>,
    draining: JoinSet<()>,
    loaded: LoadedLibraries,
}

impl Generations {
    pub(super) fn loaded(&self) -> LoadedLibraries {
        self.loaded.clone()
    }

    pub(super) fn new(loaded: LoadedLibraries) -> Self {
        Self {
            number: 0,
            serving: None,
            registry: Arc::default(),
            draining: JoinSet::new(),
            loaded,
        }
    }

    /// The number of the active generation; 0 if there is none yet.
    pub(super) fn active_number(&self) -> u64 {
        let serving = self.serving.as_ref();
        serving.map_or(0, |serving| serving.active.load().number)
    }

    /// The server ends soon: the instances and the requests that they have learn of it.
    pub(super) fn begin_end(&self) {
        let Some(serving) = &self.serving else { return };
        serving.active.load().drain().begin_server_end();
        for instance in &serving.resources.instances {
            instance.handler.context().life.retire();
        }
    }

    /// Ends every generation: its tasks, then its handlers.
    pub(super) async fn retire(mut self, deadline: Duration) {
        if let Some((last, resources)) = self.close() {
            self.drain(last, resources, None, DrainTimes::all(deadline));
        }
        while self.draining.join_next().await.is_some() {}
    }

    /// The same for a stack that no request has reached.
    pub(super) async fn end_unused(mut self) {
        if let Some((
            last,
            StackResources {
                stack, instances, ..
            },
        )) = self.close()
        {
            drop((last, stack));
            release(instances, self.loaded).await;
        }
    }

    /// Takes the active generation out of service.
    fn close(&mut self) -> Option<(Arc<Generation>, StackResources)> {
        let serving = self.serving.take()?;
        // `Active` may have other holders; from here on it holds no handler.
        let nothing = Arc::new(Stack::unavailable("the server has ended".to_owned()));
        let (closed, _) = Generation::new(self.number, nothing, Vec::new(), &serving.manifest);
        Some((serving.active.swap(closed), serving.resources))
    }

    /// Makes the next generation the active one; the one before drains.
    pub(super) fn swap(
        &mut self,
        next: NextGeneration,
        outline: Outline,
        manifest: Manifest,
    ) -> InstanceChanges {
        let NextGeneration {
            generation,
            resources,
        } = next;
        let (number, instances) = (generation.number, &resources.instances);
        // Generation 0 is the placeholder.
        self.number = self.number.max(number);
        apply_policy(instances, &manifest);
        let live = GenerationEntry {
            number,
            since: Instant::now(),
            stack: lines(&outline, instances, number),
            tasks: instances.iter().map(|one| Arc::clone(&one.tasks)).collect(),
            health: instances
                .iter()
                .map(|one| Arc::clone(&one.health))
                .collect(),
            waiting: Arc::clone(generation.waiting()),
            drain: Arc::clone(generation.drain()),
        };
        let old = self.serving.take();
        let before = old.as_ref().map(|old| &old.resources.instances[..]);
        let changes = InstanceChanges::of(before.unwrap_or_default(), instances);
        let active = match old {
            None => {
                self.registry
                    .swapped(Some(live), DrainTimes::all(Duration::ZERO));
                Arc::new(Active::new(generation))
            }
            Some(old) => {
                let last = old.active.swap(generation);
                let times = DrainTimes::of(&last.limits);
                self.drain(last, old.resources, Some(live), times);
                old.active
            }
        };
        self.serving = Some(Serving {
            active,
            manifest,
            outline,
            resources,
        });
        changes
    }

    /// The instances that the last swap has built serve. Each call has a thread of its own; one that takes longer than `limit` is
    /// reported.
    pub(super) fn begin_serving(&self, limit: Duration) {
        let Some(serving) = &self.serving else { return };
        let deadline = tokio::time::Instant::now() + limit;
        let instances = &serving.resources.instances;
        start_tasks(instances);
        for instance in instances.iter().filter(|one| one.born == self.number) {
            let call = life_call(Callee::of(instance), "serving", deadline, Handler::serving);
            tokio::spawn(call);
        }
    }

    /// Drains `last`, which `next` has replaced, if anything has.
    pub(super) fn drain(
        &mut self,
        last: Arc<Generation>,
        resources: StackResources,
        next: Option<GenerationEntry>,
        times: DrainTimes,
    ) {
        self.registry.swapped(next, times);
        for instance in &resources.instances {
            if !last.drain().keeps(instance.id) {
                instance.handler.context().life.retire();
            }
        }
        let (loaded, registry) = (self.loaded.clone(), Arc::clone(&self.registry));
        self.draining
            .spawn(drain(last, resources, times, loaded, registry));
        while self.draining.try_join_next().is_some() {}
    }

    /// Releases the instances of a candidate that is refused: those that were built for it end, and libraries that
    /// nothing else uses are unloaded.
    pub(super) fn abandon(&self, instances: Vec<Arc<Instance>>) {
        let (loaded, registry) = (self.loaded.clone(), Arc::clone(&self.registry));
        drop(tokio::spawn(async move {
            registry.rested(&release(instances, loaded).await);
        }));
    }
}
