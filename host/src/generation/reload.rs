//! The corridor from a changed file to a swap. Any failure leaves the active generation serving.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::Generation;
use super::active::Active;
use super::brought::{Brought, Libraries};
use super::census::Census;
use super::fates::Fates;
use super::find::files;
use super::report::{Ask, Clock, Outcome, Report};
use super::resolve::Place;
use super::serving::{Serving, fixed};
use super::snapshot::{Trying, rolled_back, state};
use super::tried::Tried;
use super::warmup::warm_up;
use crate::library::{Loaded, Shelf, Vault};
use crate::link::{Avoid, Instead, Snapshot};
use crate::manifest::{Manifest, Source};
use crate::probe::Probe;
use crate::stack::{Outline, Stack, diff};

/// Reads the manifest, builds candidates and swaps them in.
pub struct Reloader {
    pub(super) path: PathBuf,
    pub(super) place: Place,
    pub(super) shelf: Arc<Mutex<(Shelf, Option<Tried>)>>,
    pub(super) loaded: Loaded,
    pub(super) libraries: Option<Box<dyn Libraries>>,
    pub(super) color: bool,
    pub(super) watching: bool,
    pub(super) serving: Option<Serving>,
    files: Vec<PathBuf>,
    pub(super) lock: Option<PathBuf>,
    pub(super) number: u64,
    pub(super) draining: JoinSet<()>,
    pub(super) census: Arc<Census>,
    pub(super) vault: Option<Vault>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) avoid: Vec<Avoid>,
    pub(super) trying: Option<Trying>,
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
            watching: false,
            serving: None,
            files: Vec::new(),
            lock: None,
            number: 0,
            draining: JoinSet::new(),
            vault: None,
            snapshot: None,
            avoid: Vec::new(),
            trying: None,
            census: Arc::default(),
        }
    }

    /// The same, keeping the libraries of what serves in `vault`.
    #[must_use]
    pub fn keeping(self, vault: Vault) -> Self {
        let vault = Some(vault);
        Self { vault, ..self }
    }

    /// The same, for whoever develops: requests are watched on their way (`[dev]`).
    #[must_use]
    pub fn watching(self) -> Self {
        Self {
            watching: true,
            ..self
        }
    }

    /// The same, counting generations from `number` on, without the stacks to `avoid`, and with what
    /// stands `instead` of libraries that are quarantined.
    #[must_use]
    pub fn after(mut self, number: u64, avoid: Vec<Avoid>, instead: Vec<Instead>) -> Self {
        (self.number, self.avoid, self.place.instead) = (number, avoid, instead);
        self
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
    pub fn census(&self) -> Arc<Census> {
        Arc::clone(&self.census)
    }

    /// The files that a reload depends on, those of the candidate that was refused last included.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let own = std::iter::once(self.path.clone()).chain(self.lock.clone());
        own.chain(self.files.iter().cloned())
    }

    /// Ends every generation: its tasks, then its handlers. Call it when the server has ended.
    pub async fn retire(mut self, deadline: Duration) {
        if let Some(serving) = self.serving.take() {
            // Others may have it for as long as they like: what they have is nothing.
            let nothing = Arc::new(Stack::closed());
            let (closed, _) = Generation::new(self.number, nothing, &serving.manifest);
            let last = serving.active.swap(Arc::new(closed));
            self.drain(last, serving.holdings, None, deadline);
        }
        while self.draining.join_next().await.is_some() {}
    }

    /// Walks the corridor once.
    pub async fn reload(&mut self, ask: Ask) -> Report {
        self.attempt(ask, None).await
    }

    /// Begins with a stack that served before, whatever has become of its files.
    pub async fn boot(&mut self, snapshot: &Snapshot) -> Report {
        self.place.kept.clone_from(&snapshot.libraries);
        let text = Some(snapshot.manifest.clone());
        let report = self.attempt(Ask::Fresh, text).await;
        self.place.kept.clear();
        report
    }

    async fn attempt(&mut self, ask: Ask, text: Option<String>) -> Report {
        let mut report = Report {
            outcome: Outcome::Unchanged,
            generation: 0,
            changes: Vec::new(),
            instances: Fates::default(),
            timings: Vec::new(),
            warnings: Vec::new(),
        };
        if let Err(refusal) = self.walk(ask, text, &mut report).await {
            report.outcome = Outcome::Refused(refusal);
            self.tell_trying(None);
            self.abandon(Vec::new());
        }
        report.generation = self
            .serving
            .as_ref()
            .map_or(0, |serving| serving.active.load().number);
        report
    }

    async fn walk(
        &mut self,
        ask: Ask,
        text: Option<String>,
        report: &mut Report,
    ) -> Result<(), String> {
        let mut clock = Clock::start(&mut report.timings);
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
        clock.lap("manifest");
        if from_files && self.libraries.is_some() {
            self.build_libraries(&manifest, ask).await?;
            clock.lap("build");
        }
        self.files = files(&manifest, &self.place);
        let (manifest, shut) = self.shut_out(manifest).await?;
        for diagnostic in &shut {
            report.warnings.push(diagnostic.render(&source, self.color));
        }
        // What is kept was checked when it was a file.
        if from_files {
            self.read_lock()?;
        }
        let resolved = self.resolve(&manifest, &source, ask).await?;
        clock.stages(resolved.timings.0.iter().cloned());
        let before = self.serving.as_ref();
        let same = before.is_some_and(|serving| serving.is(&resolved, &manifest));
        if same && ask != Ask::Fresh {
            return Ok(());
        }
        let state = state(&resolved.outline);
        if let Some(avoid) = self.avoid.iter().find(|avoid| avoid.state == state) {
            return Err(rolled_back(avoid));
        }
        self.tell_trying(Some(&state));
        let kept = self.keep(&resolved);
        let outline = resolved.outline.clone();
        let built = self.build(&manifest, resolved, &source, ask).await?;
        clock.lap("init");
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
            return Err(error.to_string());
        }
        clock.lap("warm up");
        if let Some(before) = &self.serving {
            report.changes = diff(&before.outline, &outline);
        }
        report.instances = self.swap(built, outline, manifest);
        self.snapshot = kept.map(|libraries| self.photograph(source.text, state, libraries));
        clock.lap("swap");
        report.outcome = Outcome::Swapped;
        Ok(())
    }
}
