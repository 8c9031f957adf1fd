//! From a saved file to the swap. Whatever fails on the way, the active generation keeps serving.

mod guests;
mod observed_swap;
mod options;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::active::Active;
use super::find::files;
use super::generations::{Generations, NextGeneration};
use super::hand_over::hand_over;
use super::instance_changes::InstanceChanges;
use super::library_builder::LibraryBuilder;
use super::loader::Loader;
use super::log_change::filter_log;
use super::plugin_builds::PluginBuilds;
use super::recovery::{Recovery, rules, state};
use super::refusal::{Refusal, ReloadError, Stage, task_failed};
use super::registry::Registry;
use super::report::{Outcome, ReloadMode, Report, StageTimer};
use super::serving::{fixed, start_tasks};
use super::warmup::warm_up;
use crate::load::library::{LibraryCache, LoadedLibraries};
use crate::load::manifest::{Manifest, Source};
use crate::load::snapshot::Snapshot;
use crate::load::watch::{ChangeSet, Interest};
use crate::serve::observe::ObserveSwap;
use crate::serve::stack::{Outline, diff, folder_change};
use crate::services::{Figures, Lent, LogFilters, OpenStore, StoreHub, StoreSettings};
use stackup_plugin::abi::host::Counters;

/// Reads the manifest, builds candidates and swaps them in.
pub struct Reloader {
    pub(super) loader: Loader,
    builds: PluginBuilds,
    pub(super) generations: Generations,
    recovery: Recovery,
    /// The libraries' files of the last candidate, whether or not it serves.
    files: Vec<PathBuf>,
    /// The folder that relative paths of the active stack start from.
    directory_served: Option<PathBuf>,
    /// Whether an earlier candidate may have loaded libraries into this process.
    used: bool,
    /// What this process lends plugins.
    lent: Option<Lent>,
    /// How often in a row a change has cancelled the start of guests.
    cancelled: u32,
    outdated: guests::Outdated,
    swap_observer: Option<Arc<dyn ObserveSwap>>,
}

impl Reloader {
    /// A reloader of the manifest at `path`. `builder` builds the plugins; without it they are only located.
    pub fn new(
        path: PathBuf,
        environment: String,
        shelf: LibraryCache,
        builder: Option<Box<dyn LibraryBuilder>>,
        color: bool,
    ) -> Self {
        let generations = Generations::new(shelf.loaded());
        let mut loader = Loader::new(path, environment, shelf, color);
        loader.builds = builder.is_some();
        Self {
            generations,
            loader,
            builds: PluginBuilds::new(builder),
            recovery: Recovery::default(),
            files: Vec::new(),
            directory_served: None,
            used: false,
            lent: None,
            cancelled: 0,
            outdated: guests::Outdated::default(),
            swap_observer: None,
        }
    }

    /// The active generation, once a reload has succeeded.
    pub fn active(&self) -> Option<Arc<Active>> {
        let serving = self.generations.serving.as_ref();
        serving.map(|serving| Arc::clone(&serving.active))
    }

    /// The manifest's directory.
    pub fn directory(&self) -> &Path {
        self.loader.directory()
    }

    /// The manifest of the active generation, once a reload has succeeded.
    pub fn manifest(&self) -> Option<&Manifest> {
        let serving = self.generations.serving.as_ref();
        serving.map(|serving| &serving.manifest)
    }

    /// The stack of the active generation, once a reload has succeeded.
    pub fn outline(&self) -> Option<&Outline> {
        let serving = self.generations.serving.as_ref();
        serving.map(|serving| &serving.outline)
    }

    /// The live generations; may be read during a reload.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.generations.registry)
    }

    /// What the handlers count.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.loader.counters)
    }

    /// What the host counts, where anything reads it.
    pub fn figures(&self) -> Option<&Figures> {
        self.loader.figures.as_ref()
    }

    /// The libraries that are loaded.
    pub fn libraries(&self) -> LoadedLibraries {
        self.generations.loaded()
    }

    /// The active stack as it can be restored, if its libraries could be saved.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.recovery.snapshot.as_ref()
    }

    /// Accepts again the stacks that were rolled back and the libraries that are quarantined.
    pub fn clear_rejections(&mut self) {
        self.recovery.rolled_back.clear();
        self.loader.context.instead.clear();
    }

    /// The files that a reload reads, including those of the last candidate that was refused.
    pub fn interest(&self) -> Interest {
        let files = self.loader.own_files().into_iter();
        let guests = Interest {
            files: BTreeSet::new(),
            trees: self.guest_trees(),
        };
        Interest::files(files.chain(self.files.iter().cloned()))
            .and(self.builds.sources().clone())
            .and(guests)
    }

    /// Answers every request with 503 and `reason`, as generation 0, until a stack replaces it.
    pub fn serve_placeholder(&mut self, reason: &str) {
        self.generations.serve_placeholder(reason);
    }

    /// Tells instances and requests that the server ends. Call it when no reload follows.
    pub fn begin_end(&self) {
        self.generations.begin_end();
    }

    /// Ends every generation: its tasks, then its handlers. Call it when the server has ended.
    pub async fn retire(self, deadline: Duration) {
        self.generations.retire(deadline).await;
    }

    /// Ends the stack of a command that serves nothing: its tasks, then its handlers.
    pub async fn end_unused(self) {
        self.generations.end_unused().await;
    }

    /// Reloads once.
    pub async fn reload(&mut self, mode: ReloadMode) -> Report {
        self.attempt(mode, None).await
    }

    /// Restores a stack that served before, even if its files have changed since.
    pub async fn boot(&mut self, snapshot: &Snapshot) -> Report {
        let context = &mut self.loader.context;
        context.kept.clone_from(&snapshot.libraries);
        if let Some(directory) = &snapshot.directory {
            context.directory.clone_from(directory);
        }
        let text = Some(snapshot.manifest.clone());
        let report = self.attempt(ReloadMode::Fresh, text).await;
        self.loader.context.kept.clear();
        report
    }

    /// The manifest as it is now, with its libraries built: for a command that does not serve.
    pub(super) async fn read_and_build(&mut self) -> Result<(Source, Manifest), Refusal> {
        let source = self.read().await?;
        let manifest = self.loader.parse(&source)?.manifest;
        self.survey(&manifest, ReloadMode::Force, None).await?;
        self.build_libraries().await.map_err(|error| match error {
            ReloadError::Refused(refusal) => refusal,
            ReloadError::Outdated => Stage::Build.refuses("the sources changed during the build"),
        })?;
        Ok((source, manifest))
    }

    /// The store and the settings of the engine to open. A store in memory stays as it is ([`fixed`] warns): its entries
    /// would be lost.
    fn store_to_open(&self, manifest: &Manifest) -> Option<(StoreHub, StoreSettings)> {
        let store = self.lent.as_ref()?.store.clone();
        let in_memory = |settings: &StoreSettings| matches!(settings, StoreSettings::Memory { .. });
        let before = self.manifest().map(|before| &before.store);
        let stays =
            !self.serves_none() && before.is_some_and(in_memory) && in_memory(&manifest.store);
        (!stays).then(|| (store, manifest.store.from_folder(self.loader.directory())))
    }

    /// Uses this engine of the store from now on.
    fn switch_store(&self, opened: Option<OpenStore>) {
        if let (Some(lent), Some(opened)) = (&self.lent, opened) {
            lent.store.switch(opened);
        }
    }

    /// Whether no stack serves yet.
    fn serves_none(&self) -> bool {
        self.generations.serving.is_none() || self.generations.serves_placeholder()
    }

    async fn attempt(&mut self, mode: ReloadMode, text: Option<String>) -> Report {
        let changed = self.builds.take_changes();
        if let Some(changed) = &changed {
            self.loader.forget(&changed.paths);
        }
        let mut report = Report {
            outcome: Outcome::Unchanged,
            generation: 0,
            changes: Vec::new(),
            instances: InstanceChanges::default(),
            timings: Vec::new(),
            warnings: Vec::new(),
            remarks: Vec::new(),
            echo: false,
            swap: None,
        };
        let fresh = !std::mem::replace(&mut self.used, true);
        let stages = self.stages(mode, text, changed.as_ref(), &mut report).await;
        if let Err(error) = stages {
            report.outcome = match error {
                ReloadError::Refused(refusal)
                    if refusal.stage.is_for_a_fresh_process() && !fresh =>
                {
                    Outcome::NeedsFreshProcess(refusal)
                }
                ReloadError::Refused(refusal) => Outcome::Refused(refusal),
                ReloadError::Outdated => Outcome::Outdated,
            };
            self.recovery.announce(None);
            self.generations.abandon(Vec::new());
        }
        if let Outcome::Refused(refusal) = &report.outcome
            && self.generations.serves_placeholder()
        {
            self.serve_placeholder(&refusal.reason);
        }
        if report.outcome != Outcome::Outdated {
            self.cancelled = 0;
        }
        report.echo = changed.is_some_and(|changed| self.is_echo(&changed));
        report.generation = self.generations.active_number();
        report
    }

    /// The stages in order, each timed.
    async fn stages(
        &mut self,
        mode: ReloadMode,
        text: Option<String>,
        changed: Option<&ChangeSet>,
        report: &mut Report,
    ) -> Result<(), ReloadError> {
        let mut timer =
            StageTimer::start(changed.map(|changed| changed.first), &mut report.timings);
        let from_files = text.is_none();
        let source = match text {
            Some(text) => Source {
                path: self.loader.path.clone(),
                text,
            },
            None => self.read().await?,
        };
        let parsed = self.loader.parse(&source)?;
        let manifest = parsed.manifest;
        let mut warnings = parsed.warnings;
        let serving = self.generations.serving.iter();
        warnings.extend(serving.flat_map(|serving| fixed(serving, &manifest)));
        report.warnings = warnings
            .iter()
            .map(|warning| self.loader.render(warning, &source))
            .collect();
        timer.lap("manifest");
        if from_files && self.builds.builds() {
            self.survey(&manifest, mode, changed).await?;
            timer.lap("sources");
            let has_work = self.builds.has_work();
            report.remarks = self.build_libraries().await?;
            if has_work {
                timer.lap("cargo");
            }
        }
        self.files = files(&manifest, &self.loader.context);
        let (manifest, left_out) = self.loader.without_quarantined(manifest).await?;
        for diagnostic in &left_out {
            report
                .warnings
                .push(self.loader.render(diagnostic, &source));
        }
        // A snapshot's libraries were checked when they were files.
        if from_files {
            self.loader.read_lock()?;
        }
        let reread = mode != ReloadMode::IfChanged;
        let resolved = self.loader.resolve(&manifest, &source, reread).await?;
        timer.stages(resolved.timings.0.iter().cloned());
        for warning in &resolved.warnings {
            report.warnings.push(self.loader.render(warning, &source));
        }
        self.look_at_guests(changed).await?;
        let before = self.generations.serving.as_ref();
        let same = before.is_some_and(|serving| {
            serving.is(&resolved, &manifest) && !serving.has_outdated_guest()
        });
        if same && mode != ReloadMode::Fresh {
            return Ok(());
        }
        let directory = self.loader.directory().to_path_buf();
        let state = state(&resolved.outline, &directory);
        self.recovery.admit(&state)?;
        self.recovery.announce(Some(&state));
        let number = self.generations.number + 1;
        let saved = self.recovery.save(&resolved, number);
        let outline = resolved.outline.clone();
        let reusable = match before {
            Some(serving) if mode != ReloadMode::Fresh => {
                let mut instances = serving.instances();
                instances.retain(|(_, instance)| !instance.handler.has_outdated_guest());
                instances
            }
            _ => Vec::new(),
        };
        let limit = manifest.limits.warmup_timeout;
        let mut store = match self.store_to_open(&manifest) {
            Some((store, settings)) => open_store(store, settings, !from_files).await?,
            None => None,
        };
        if self.serves_none() {
            // The first stack may use it from its `init` on.
            self.switch_store(store.take());
            self.filter_log(&manifest.log, limit).await;
        }
        if let Some(lent) = &self.lent {
            lent.guests.begin(mode == ReloadMode::Fresh);
        }
        let building = self.loader.build(&manifest, resolved, number, reusable);
        let (built, is_outdated) = match from_files {
            true => self.unless_guests_are_outdated(building).await,
            false => (building.await, false),
        };
        let candidate = match built? {
            Ok(candidate) => candidate,
            Err(rejected) => {
                self.generations.abandon(rejected.instances);
                if is_outdated {
                    self.cancelled += 1;
                    return Err(ReloadError::Outdated);
                }
                let diagnostics = source.render(&rejected.diagnostics, self.loader.color);
                return Err(Stage::Init.refuses(diagnostics).into());
            }
        };
        timer.lap("init");
        // A stack without its quarantined handlers may fail its warm-up; it serves all the same.
        let warmup = match left_out.is_empty() {
            true => &manifest.warmup[..],
            false => &[],
        };
        if !warmup.is_empty() {
            // A handler may answer with the help of its tasks.
            start_tasks(&candidate.instances);
        }
        if let Err(error) = warm_up(&candidate.stack, warmup, number, limit).await {
            drop(candidate.stack);
            self.generations.abandon(candidate.instances);
            return Err(Stage::WarmUp.refuses(error).into());
        }
        timer.lap("warm up");
        if let Some(before) = &self.generations.serving {
            let nothing = Outline::default();
            let before = match self.generations.serves_placeholder() {
                true => &nothing,
                false => &before.outline,
            };
            report.changes = diff(before, &outline);
            report
                .changes
                .extend(folder_change(self.directory_served.as_deref(), &directory));
        }
        let next = NextGeneration::new(number, candidate, &manifest);
        report.swap = self.observe_swap(&next, &mut timer).await;
        self.switch_store(store);
        if let Some(lent) = &self.lent {
            lent.fetch.set_limit(manifest.limits.fetches);
        }
        // From here on nothing refuses the candidate.
        if let Some(before) = self.generations.serving.as_ref()
            && mode != ReloadMode::Fresh
        {
            let pairs = before.heirs(&next.resources.instances, &manifest);
            hand_over(pairs, limit).await;
        }
        let filters = manifest.log.clone();
        report.instances = self.generations.swap(next, outline, manifest);
        self.filter_log(&filters, limit).await;
        if !self.loader.is_trial {
            self.generations.begin_serving(limit);
        }
        self.recovery.snapshot = saved.map(|libraries| Snapshot {
            generation: number,
            state,
            manifest: source.text,
            directory: Some(directory.clone()),
            libraries,
            rules: self.manifest().map(rules).unwrap_or_default(),
        });
        self.directory_served = Some(directory);
        timer.lap("swap");
        report.outcome = Outcome::Swapped;
        Ok(())
    }

    async fn filter_log(&self, filters: &LogFilters, limit: Duration) {
        if self.loader.sets_up_process() {
            filter_log(filters, &self.libraries(), limit).await;
        }
    }

    async fn read(&mut self) -> Result<Source, Refusal> {
        self.loader.follow_links();
        self.loader.read(self.generations.serving.is_some()).await
    }

    async fn survey(
        &mut self,
        manifest: &Manifest,
        mode: ReloadMode,
        changed: Option<&ChangeSet>,
    ) -> Result<(), Refusal> {
        let own = self.loader.own_files();
        let changed = changed.into_iter().flat_map(|changed| &changed.paths);
        let changed = changed.filter(|path| !own.contains(path)).cloned();
        let changed = changed.collect();
        let (known, force) = (self.interest(), mode != ReloadMode::IfChanged);
        let directory = self.loader.directory();
        self.builds
            .survey(manifest, directory, changed, force, known)
            .await
    }

    /// Builds what is out of date. Returns the compiler's warnings.
    async fn build_libraries(&mut self) -> Result<Vec<String>, ReloadError> {
        let mut built = self.builds.build().await?;
        let warnings = std::mem::take(&mut built.warnings);
        self.loader.context.built = built;
        Ok(warnings)
    }
}

/// Opens an engine of the store; none if it is in use. With `later`, a file that can't be used does not refuse the stack.
async fn open_store(
    store: StoreHub,
    settings: StoreSettings,
    later: bool,
) -> Result<Option<OpenStore>, Refusal> {
    let open = move || store.open_engine(&settings, later);
    let opened = tokio::task::spawn_blocking(open).await;
    let opened = opened.map_err(|error| task_failed(&error))?;
    opened.map_err(|why| Stage::Store.refuses(why))
}
