//! The corridor from a changed file to a swap. Any failure leaves the active generation serving.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Generation;
use super::active::Active;
use super::brought::{Brought, Libraries};
use super::drain::{Holdings, drain};
use super::find::files;
use super::report::{Clock, Outcome, Report};
use super::resolve::Place;
use super::serving::{Serving, fixed};
use super::tasks::Tasks;
use super::tried::Tried;
use super::warmup::warm_up;
use crate::library::{Library, Loaded, Shelf};
use crate::manifest::Manifest;
use crate::probe::Probe;
use crate::stack::{Outline, Stack, diff};

/// Reads the manifest, builds candidates and swaps them in.
pub struct Reloader {
    pub(super) path: PathBuf,
    pub(super) place: Place,
    pub(super) shelf: Arc<Mutex<(Shelf, Option<Tried>)>>,
    loaded: Loaded,
    pub(super) libraries: Option<Box<dyn Libraries>>,
    pub(super) color: bool,
    pub(super) serving: Option<Serving>,
    files: Vec<PathBuf>,
    pub(super) lock: Option<PathBuf>,
    number: u64,
    draining: JoinSet<()>,
}

impl Reloader {
    /// For the manifest at `path`; `libraries` builds plugins, if they are to be built.
    pub fn new(
        path: PathBuf,
        environment: String,
        shelf: Shelf,
        libraries: Option<Box<dyn Libraries>>,
        color: bool,
    ) -> Self {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        // A directory that is gone is told when the manifest is read.
        let directory = fs::canonicalize(&directory).unwrap_or(directory);
        let place = Place {
            environment,
            directory,
            brought: Brought::default(),
            lock: None,
        };
        Self {
            path,
            place,
            loaded: shelf.loaded(),
            shelf: Arc::new(Mutex::new((shelf, None))),
            libraries,
            color,
            serving: None,
            files: Vec::new(),
            lock: None,
            number: 0,
            draining: JoinSet::new(),
        }
    }

    /// The same, with every new handler tried out by `probe` before it is loaded.
    #[must_use]
    pub fn probing(self, probe: Box<dyn Probe>) -> Self {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(Tried::new(probe));
        self
    }

    /// What serves, once a reload has succeeded.
    pub fn active(&self) -> Option<Arc<Active>> {
        self.serving
            .as_ref()
            .map(|serving| Arc::clone(&serving.active))
    }

    /// The manifest that serves, once a reload has succeeded.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.serving.as_ref().map(|serving| &serving.manifest)
    }

    /// The stack that serves, once a reload has succeeded.
    pub fn outline(&self) -> Option<&Outline> {
        self.serving.as_ref().map(|serving| &serving.outline)
    }

    /// The files that a reload depends on, those of the candidate that was refused last included.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let own = std::iter::once(self.path.clone()).chain(self.lock.clone());
        own.chain(self.files.iter().cloned())
    }

    /// Ends every generation: its tasks, then its handlers. Call it when the server has ended.
    pub async fn retire(mut self, deadline: Duration) {
        if let Some(serving) = self.serving.take() {
            let last = serving.active.load();
            drop(serving.active);
            let loaded = self.loaded.clone();
            self.draining
                .spawn(drain(last, serving.holdings, deadline, loaded));
        }
        while self.draining.join_next().await.is_some() {}
    }

    /// Walks the corridor once. With `force` a stack swaps in even if nothing has changed.
    pub async fn reload(&mut self, force: bool) -> Report {
        let mut report = Report {
            outcome: Outcome::Unchanged,
            generation: 0,
            changes: Vec::new(),
            timings: Vec::new(),
            warnings: Vec::new(),
        };
        if let Err(refusal) = self.walk(force, &mut report).await {
            report.outcome = Outcome::Refused(refusal);
            self.abandon(None, Vec::new());
        }
        report.generation = self
            .serving
            .as_ref()
            .map_or(0, |serving| serving.active.load().number);
        report
    }

    async fn walk(&mut self, force: bool, report: &mut Report) -> Result<(), String> {
        let mut clock = Clock::start(&mut report.timings);
        let source = self.read().await?;
        let parsed = self.parse(&source)?;
        let manifest = parsed.manifest;
        let mut warnings = parsed.warnings;
        warnings.extend(
            self.serving
                .iter()
                .flat_map(|serving| fixed(serving, &manifest)),
        );
        report.warnings = warnings
            .iter()
            .map(|w| w.render(&source, self.color))
            .collect();
        clock.lap("manifest");
        self.build_libraries(&manifest, force).await?;
        if self.libraries.is_some() {
            clock.lap("build");
        }
        self.files = files(&manifest, &self.place);
        self.read_lock()?;
        let resolved = self.resolve(&manifest, &source).await?;
        clock.stages(resolved.timings.0.iter().cloned());
        let before = self.serving.as_ref();
        let same = before.is_some_and(|serving| {
            let old = &serving.manifest;
            serving.outline == resolved.outline
                && old.limits == manifest.limits
                && old.failures == manifest.failures
                && old.renewal == manifest.renewal
        });
        if same && !force {
            return Ok(());
        }
        let old = before.map(|serving| serving.outline.clone());
        let outline = resolved.outline.clone();
        let libraries = resolved.libraries();
        let tasks = Arc::new(Tasks::new(Handle::current()));
        let stack = self.build(&manifest, resolved, &source, &tasks).await?;
        clock.lap("init");
        let number = self.number + 1;
        let limit = manifest.limits.warmup_timeout;
        if let Err(error) = warm_up(&stack, &manifest.warmup, number, limit).await {
            tasks.end();
            self.abandon(Some(stack), libraries);
            return Err(error.to_string());
        }
        clock.lap("warm up");
        report.changes = old.map(|old| diff(&old, &outline)).unwrap_or_default();
        self.swap(stack, libraries, tasks, outline, manifest);
        clock.lap("swap");
        report.outcome = Outcome::Swapped;
        Ok(())
    }

    /// Drops handlers that never served, which may block, and lets the libraries rest that nothing
    /// uses without them.
    fn abandon(&self, stack: Option<Stack>, libraries: Vec<Arc<Library>>) {
        let loaded = self.loaded.clone();
        drop(tokio::task::spawn_blocking(move || {
            drop(stack);
            drop(libraries);
            loaded.rest();
        }));
    }

    fn swap(
        &mut self,
        stack: Stack,
        libraries: Vec<Arc<Library>>,
        tasks: Arc<Tasks>,
        outline: Outline,
        manifest: Manifest,
    ) {
        self.number += 1;
        let stack = Arc::new(stack);
        let limits = manifest.limits.clone();
        let (generation, gone) = Generation::new(self.number, Arc::clone(&stack), limits);
        let generation = Arc::new(generation);
        let holdings = Holdings {
            stack,
            libraries,
            tasks,
            gone,
        };
        let active = match self.serving.take() {
            None => Arc::new(Active::new(generation)),
            Some(before) => {
                let old = before.active.swap(generation);
                let deadline = old.limits.drain_timeout;
                let loaded = self.loaded.clone();
                self.draining
                    .spawn(drain(old, before.holdings, deadline, loaded));
                while self.draining.try_join_next().is_some() {}
                before.active
            }
        };
        self.serving = Some(Serving {
            active,
            manifest,
            outline,
            holdings,
        });
    }
}
