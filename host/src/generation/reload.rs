//! The corridor from a changed file to a swap. Any failure leaves the active generation serving.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Generation;
use super::active::Active;
use super::candidate::build;
use super::drain::{Holdings, drain};
use super::find::files;
use super::resolve::{Place, Resolved, resolve};
use super::tasks::Tasks;
use super::tried::Tried;
use super::warmup::warm_up;
use crate::library::{Library, Loaded, Patience, Shelf, settle};
use crate::manifest::{self, Diagnostic, Listen, Manifest, Settings, Source};
use crate::probe::Probe;
use crate::stack::{Change, Outline, Stack, diff};

/// How long the first look for a manifest may take.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// Brings the libraries of a manifest about, as by building them.
pub trait Libraries: Send {
    /// The libraries of the plugins it knows of. Without `force` what was brought for the same
    /// plugins may do. Blocks.
    ///
    /// # Errors
    ///
    /// Why they can't be built, for a person.
    fn bring(
        &mut self,
        manifest: &Manifest,
        directory: &Path,
        force: bool,
    ) -> Result<Brought, String>;
}

/// Libraries that were brought about.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Plugin name → library file.
    pub files: HashMap<String, PathBuf>,
    /// Every plugin that could be asked for, for a "did you mean".
    pub known: Vec<String>,
}

/// How a reload ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new generation serves.
    Swapped,
    /// Nothing that matters has changed.
    Unchanged,
    /// The candidate was refused; the text says why.
    Refused(String),
}

/// What a reload did.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The generation that serves now; 0 if there is none yet.
    pub generation: u64,
    /// What the swap changed.
    pub changes: Vec<Change>,
    /// Stage and time, in order.
    pub timings: Vec<(String, Duration)>,
    /// What is odd about the manifest, for a person.
    pub warnings: Vec<String>,
}

/// Reads the manifest, builds candidates and swaps them in.
pub struct Reloader {
    path: PathBuf,
    place: Place,
    shelf: Arc<Mutex<(Shelf, Option<Tried>)>>,
    loaded: Loaded,
    libraries: Option<Box<dyn Libraries>>,
    color: bool,
    serving: Option<Serving>,
    files: Vec<PathBuf>,
    number: u64,
    draining: JoinSet<()>,
}

struct Serving {
    active: Arc<Active>,
    manifest: Manifest,
    outline: Outline,
    holdings: Holdings,
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
        std::iter::once(self.path.clone()).chain(self.files.iter().cloned())
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
        let settings = Settings {
            environment: &self.place.environment,
            variable: &|name| std::env::var(name).ok(),
        };
        let parsed = manifest::parse(&source, &settings)
            .map_err(|diagnostics| source.render(&diagnostics, self.color))?;
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

    async fn read(&self) -> Result<Source, String> {
        let path = self.path.clone();
        // A file that serves already may be gone for a moment; one that never did is a slip.
        let patience = match self.serving {
            Some(_) => Patience::default(),
            None => Patience {
                deadline: FIRST_LOOK,
                ..Patience::default()
            },
        };
        let read = tokio::task::spawn_blocking(move || {
            settle(&path, patience).map_err(|error| {
                format!("the manifest `{}` can't be read: {error}", path.display())
            })?;
            let text = fs::read_to_string(&path).map_err(|error| {
                format!("the manifest `{}` can't be read: {error}", path.display())
            })?;
            Ok(Source { path, text })
        });
        read.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    async fn build_libraries(&mut self, manifest: &Manifest, force: bool) -> Result<(), String> {
        let Some(mut libraries) = self.libraries.take() else {
            return Ok(());
        };
        let (wanted, directory) = (manifest.clone(), self.place.directory.clone());
        let brought = tokio::task::spawn_blocking(move || {
            let built = libraries.bring(&wanted, &directory, force);
            (libraries, built)
        });
        let (libraries, built) = brought.await.map_err(|error| error.to_string())?;
        self.libraries = Some(libraries);
        self.place.brought = built?;
        Ok(())
    }

    async fn resolve(&self, manifest: &Manifest, source: &Source) -> Result<Resolved, String> {
        let (shelf, place) = (Arc::clone(&self.shelf), self.place.clone());
        let wanted = manifest.clone();
        let resolved = tokio::task::spawn_blocking(move || {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            let (shelf, tried) = &mut *shelf;
            resolve(&wanted, &place, shelf, tried.as_mut())
        });
        let resolved = resolved.await.map_err(|error| error.to_string())?;
        resolved.map_err(|diagnostics| source.render(&diagnostics, self.color))
    }

    async fn build(
        &self,
        manifest: &Manifest,
        resolved: Resolved,
        source: &Source,
        tasks: &Arc<Tasks>,
    ) -> Result<Stack, String> {
        let (level, place) = (manifest.stack.clone(), self.place.clone());
        let tasks = Arc::clone(tasks);
        let built = tokio::task::spawn_blocking(move || build(&level, &resolved, &place, &tasks));
        let built = built.await.map_err(|error| error.to_string())?;
        built.map_err(|diagnostics| source.render(&diagnostics, self.color))
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

/// What a reload can't change: sockets and counts belong to the process.
fn fixed(serving: &Serving, new: &Manifest) -> Option<Diagnostic> {
    let old = &serving.manifest;
    let addresses = |listen: &[Listen]| listen.iter().map(ToString::to_string).collect::<Vec<_>>();
    let message = if addresses(&old.server.listen) != addresses(&new.server.listen) {
        "`listen` has changed; the open sockets stay as they are until a restart"
    } else if old.limits.connections != new.limits.connections {
        "`connections` has changed; the number stays as it is until a restart"
    } else {
        return None;
    };
    let span = new.server.listen_span(0).unwrap_or_default();
    Some(Diagnostic::warning(span, message))
}

struct Clock<'a> {
    last: Instant,
    laps: &'a mut Vec<(String, Duration)>,
}

impl<'a> Clock<'a> {
    fn start(laps: &'a mut Vec<(String, Duration)>) -> Self {
        Self {
            last: Instant::now(),
            laps,
        }
    }

    fn lap(&mut self, stage: &str) {
        let took = self.last.elapsed();
        self.last += took;
        self.laps.push((stage.to_owned(), took));
    }

    /// Takes over stages that were timed elsewhere.
    fn stages(&mut self, stages: impl IntoIterator<Item = (String, Duration)>) {
        self.laps.extend(stages);
        self.last = Instant::now();
    }
}
