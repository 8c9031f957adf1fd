//! The corridor from a changed file to a swap. Any failure leaves the active generation serving.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::Generation;
use super::active::Active;
use super::find::files;
use super::instance_changes::InstanceChanges;
use super::library_builder::{BuiltLibraries, LibraryBuilder};
use super::probed::ProbedHandlers;
use super::refusal::{ReloadError, Stage};
use super::registry::Registry;
use super::report::{Outcome, ReloadMode, Report, StageTimer};
use super::resolve::ResolveContext;
use super::serving::{Serving, fixed};
use super::recovery::{OnCandidate, rolled_back, state};
use super::warmup::warm_up;
use crate::load::library::{LibraryCache, LibraryStore, LoadedLibraries};
use crate::load::manifest::{Manifest, Source};
use crate::load::probe::Probe;
use crate::load::snapshot::{RejectedStack, Snapshot, Substitute};
use crate::load::watch::{ChangeSet, Interest, PendingChanges, Watcher};
use crate::serve::observe::ObserveLayers;
use crate::serve::stack::{Outline, Stack, diff};

/// Is told whether libraries are being built.
pub type OnBuild = Box<dyn Fn(bool) + Send + Sync>;

/// Reads the manifest, builds candidates and swaps them in.
pub struct Reloader {
    pub(super) path: PathBuf,
    pub(super) place: ResolveContext,
    pub(super) shelf: Arc<Mutex<(LibraryCache, Option<ProbedHandlers>)>>,
    pub(super) loaded: LoadedLibraries,
    pub(super) libraries: Option<Box<dyn LibraryBuilder>>,
    pub(super) color: bool,
    pub(super) observer: Option<Arc<dyn ObserveLayers>>,
    pub(super) on_build: Option<OnBuild>,
    pub(super) serving: Option<Serving>,
    files: Vec<PathBuf>,
    /// What the libraries are made of.
    pub(super) sources: Interest,
    pub(super) watch: Option<Arc<Watcher>>,
    pub(super) pending: Arc<PendingChanges>,
    pub(super) lock: Option<PathBuf>,
    pub(super) number: u64,
    pub(super) draining: JoinSet<()>,
    pub(super) registry: Arc<Registry>,
    pub(super) vault: Option<LibraryStore>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) avoid: Vec<RejectedStack>,
    pub(super) on_candidate: Option<OnCandidate>,
}

impl Reloader {
    /// For the manifest at `path`; `libraries` builds plugins, if they are to be built.
    pub fn new(
        path: PathBuf,
        environment: String,
        shelf: LibraryCache,
        libraries: Option<Box<dyn LibraryBuilder>>,
        color: bool,
    ) -> Self {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        // A directory that is gone is told when the manifest is read.
        let directory = fs::canonicalize(&directory).unwrap_or(directory);
        let place = ResolveContext {
            environment,
            directory,
            built: BuiltLibraries::default(),
            kept: Vec::new(),
            instead: Vec::new(),
            lock: None,
        };
        Self {
            path,
            place,
            loaded: shelf.loaded(),
            shelf: Arc::new(Mutex::new((shelf, None))),
            libraries,
            color,
            observer: None,
            on_build: None,
            serving: None,
            files: Vec::new(),
            sources: Interest::default(),
            watch: None,
            pending: Arc::default(),
            lock: None,
            number: 0,
            draining: JoinSet::new(),
            vault: None,
            snapshot: None,
            avoid: Vec::new(),
            on_candidate: None,
            registry: Arc::default(),
        }
    }

    /// The same, watching what the libraries are made of before they are built, and knowing what has changed.
    #[must_use]
    pub fn watching(self, watch: Arc<Watcher>, pending: Arc<PendingChanges>) -> Self {
        Self {
            watch: Some(watch),
            pending,
            ..self
        }
    }

    /// The same, keeping the libraries of what serves in `vault`.
    #[must_use]
    pub fn keeping(self, vault: LibraryStore) -> Self {
        let vault = Some(vault);
        Self { vault, ..self }
    }

    /// The same, telling when libraries begin to be built, and when that is over.
    #[must_use]
    pub fn on_build(self, on_build: OnBuild) -> Self {
        let on_build = Some(on_build);
        Self { on_build, ..self }
    }

    /// Has `observer` observe the layers of each stack whose manifest asks for it (`[dev]`).
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn ObserveLayers>) -> Self {
        let observer = Some(observer);
        Self { observer, ..self }
    }

    /// The same, counting generations from `number` on, without the stacks to `avoid`, and with what
    /// stands `instead` of libraries that are quarantined.
    #[must_use]
    pub fn after(
        mut self,
        number: u64,
        avoid: Vec<RejectedStack>,
        instead: Vec<Substitute>,
    ) -> Self {
        (self.number, self.avoid, self.place.instead) = (number, avoid, instead);
        self
    }

    /// The same, with every new handler tried out by `probe` before it is loaded.
    #[must_use]
    pub fn probing(self, probe: Box<dyn Probe>) -> Self {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).1 =
            Some(ProbedHandlers::new(probe));
        self
    }

    /// What serves, once a reload has succeeded.
    pub fn active(&self) -> Option<Arc<Active>> {
        self.serving
            .as_ref()
            .map(|serving| Arc::clone(&serving.active))
    }

    /// The manifest's directory.
    pub fn directory(&self) -> &Path {
        &self.place.directory
    }

    /// The manifest that serves, once a reload has succeeded.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.serving.as_ref().map(|serving| &serving.manifest)
    }

    /// The stack that serves, once a reload has succeeded.
    pub fn outline(&self) -> Option<&Outline> {
        self.serving.as_ref().map(|serving| &serving.outline)
    }

    /// The generations that are alive; may be read while a reload runs.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// The files that a reload depends on, those of the candidate that was refused last included.
    pub fn interest(&self) -> Interest {
        let files = self.own().chain(self.files.iter().cloned());
        Interest::files(files).and(self.sources.clone())
    }

    /// The manifest, and the lock.
    fn own(&self) -> impl Iterator<Item = PathBuf> {
        std::iter::once(self.path.clone()).chain(self.lock.clone())
    }

    /// Ends every generation: its tasks, then its handlers. Call it when the server has ended.
    pub async fn retire(mut self, deadline: Duration) {
        if let Some(serving) = self.serving.take() {
            // Others may have it for as long as they like: what they have is nothing.
            let nothing = Arc::new(Stack::unavailable("the server has ended".to_owned()));
            let (closed, _) = Generation::new(self.number, nothing, &serving.manifest);
            let last = serving.active.swap(Arc::new(closed));
            self.drain(last, serving.resources, None, deadline);
        }
        while self.draining.join_next().await.is_some() {}
    }

    /// Whether a change is of no news to any stack.
    fn is_echo(&self, changed: &ChangeSet) -> bool {
        let own: Vec<_> = self.own().collect();
        let ignored = |path: &PathBuf| {
            let libraries = self.libraries.as_ref();
            !own.contains(path) && libraries.is_some_and(|libraries| libraries.ignores(path))
        };
        changed.paths.iter().all(ignored)
    }

    /// What of a change the libraries may be made of.
    pub(super) fn of_sources(&self, changed: Option<&ChangeSet>) -> Vec<PathBuf> {
        let own: Vec<_> = self.own().collect();
        let paths = changed.into_iter().flat_map(|changed| &changed.paths);
        paths.filter(|path| !own.contains(path)).cloned().collect()
    }

    /// Walks the corridor once.
    pub async fn reload(&mut self, ask: ReloadMode) -> Report {
        self.attempt(ask, None).await
    }

    /// Begins with a stack that served before, whatever has become of its files.
    pub async fn boot(&mut self, snapshot: &Snapshot) -> Report {
        self.place.kept.clone_from(&snapshot.libraries);
        let text = Some(snapshot.manifest.clone());
        let report = self.attempt(ReloadMode::Fresh, text).await;
        self.place.kept.clear();
        report
    }

    async fn attempt(&mut self, ask: ReloadMode, text: Option<String>) -> Report {
        let changed = self.pending.take();
        let mut report = Report {
            outcome: Outcome::Unchanged,
            generation: 0,
            changes: Vec::new(),
            instances: InstanceChanges::default(),
            timings: Vec::new(),
            warnings: Vec::new(),
            remarks: Vec::new(),
            echo: false,
        };
        let walked = self.walk(ask, text, changed.as_ref(), &mut report).await;
        if let Err(stopped) = walked {
            report.outcome = match stopped {
                ReloadError::Refused(refusal) => Outcome::Refused(refusal),
                ReloadError::Outdated => Outcome::Outdated,
            };
            self.announce_candidate(None);
            self.abandon(Vec::new());
        }
        if let (Outcome::Refused(refusal), true) = (&report.outcome, self.serves_placeholder()) {
            self.serve_placeholder(&refusal.reason);
        }
        report.echo = changed.is_some_and(|changed| self.is_echo(&changed));
        report.generation = self
            .serving
            .as_ref()
            .map_or(0, |serving| serving.active.load().number);
        report
    }

    async fn walk(
        &mut self,
        ask: ReloadMode,
        text: Option<String>,
        changed: Option<&ChangeSet>,
        report: &mut Report,
    ) -> Result<(), ReloadError> {
        let mut timer =
            StageTimer::start(changed.map(|changed| changed.first), &mut report.timings);
        let from_files = text.is_none();
        let source = match text {
            Some(text) => Source {
                path: self.path.clone(),
                text,
            },
            None => self.read().await?,
        };
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
        timer.lap("manifest");
        if from_files && self.libraries.is_some() {
            self.survey(&manifest, ask, changed).await?;
            timer.lap("sources");
            let works = self.libraries.as_ref().is_some_and(|it| it.has_work());
            report.remarks = self.build_libraries().await?;
            if works {
                timer.lap("cargo");
            }
        }
        self.files = files(&manifest, &self.place);
        let (manifest, shut) = self.without_quarantined(manifest).await?;
        for diagnostic in &shut {
            report.warnings.push(diagnostic.render(&source, self.color));
        }
        // What is kept was checked when it was a file.
        if from_files {
            self.read_lock()?;
        }
        let resolved = self.resolve(&manifest, &source, ask).await?;
        timer.stages(resolved.timings.0.iter().cloned());
        let before = self.serving.as_ref();
        let same = before.is_some_and(|serving| serving.is(&resolved, &manifest));
        if same && ask != ReloadMode::Fresh {
            return Ok(());
        }
        let state = state(&resolved.outline);
        if let Some(avoid) = self.avoid.iter().find(|avoid| avoid.state == state) {
            return Err(Stage::RolledBack.refuses(rolled_back(avoid)).into());
        }
        self.announce_candidate(Some(&state));
        let kept = self.keep(&resolved);
        let outline = resolved.outline.clone();
        let built = self.build(&manifest, resolved, &source, ask).await?;
        timer.lap("init");
        let number = self.number + 1;
        let limit = manifest.limits.warmup_timeout;
        // What is shut does not answer well; it serves all the same.
        let warmup = if shut.is_empty() {
            &manifest.warmup[..]
        } else {
            &[]
        };
        if let Err(error) = warm_up(&built.stack, warmup, number, limit).await {
            drop(built.stack);
            self.abandon(built.instances);
            return Err(Stage::WarmUp.refuses(error).into());
        }
        timer.lap("warm up");
        if let Some(before) = &self.serving {
            report.changes = diff(&before.outline, &outline);
        }
        report.instances = self.swap(built, outline, manifest);
        self.snapshot = kept.map(|libraries| self.take_snapshot(source.text, state, libraries));
        timer.lap("swap");
        report.outcome = Outcome::Swapped;
        Ok(())
    }
}
