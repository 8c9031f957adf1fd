//! From the manifest's file to a candidate. Each step runs on a thread that may block; its errors are for people.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stackup_plugin::abi::host::Counters;
use tokio::runtime::Handle;

use super::candidate::{BuildContext, Candidate, RejectedCandidate, build};
use super::instance::Instance;
use super::library_builder::BuiltLibraries;
use super::matching::Position;
use super::probed::ProbedHandlers;
use super::refusal::{Refusal, Stage, task_failed};
use super::report::Timings;
use super::resolve::{Resolved, resolve};
use super::resolve_context::ResolveContext;
use super::select::{FoundLibraries, ResolveError, SelectedHandler, select};
use crate::load::library::{LibraryCache, SettleError, SettleTimeouts, Trust, settle};
use crate::load::lock::{self, LockFileError};
use crate::load::manifest::{
    self, Diagnostic, Embedded, Manifest, Metrics, Parsed, ReadError, Settings, Source,
};
use crate::load::probe::Probe;
use crate::load::site;
use crate::load::site_file;
use crate::serve::observe::ObserveLayers;
use crate::serve::stack::Metering;
use crate::services::Figures;

/// How long to wait for a manifest that was never read before.
const FIRST_READ: Duration = Duration::from_millis(100);

/// The libraries that were read before, and the handlers that were probed.
pub(super) type SharedShelf = Arc<Mutex<(LibraryCache, Option<ProbedHandlers>)>>;

/// Turns the manifest's file into a candidate.
pub(super) struct Loader {
    /// The manifest's file, as messages name it.
    pub(super) path: PathBuf,
    /// The same, absolute, with the links by which it is reached.
    pub(super) location: PathBuf,
    pub(super) context: ResolveContext,
    pub(super) shelf: SharedShelf,
    pub(super) color: bool,
    pub(super) observer: Option<Arc<dyn ObserveLayers>>,
    /// Whether libraries are locked.
    pub(super) locked: bool,
    /// Whether the plugins' sources are built and run: then whoever could change the manifest can as well change those.
    pub(super) builds: bool,
    /// Whether its stacks are only tried, and never serve.
    pub(super) is_trial: bool,
    /// How its stacks stand inside another program, if they do.
    pub(super) embedded: Option<Embedded>,
    /// What all handlers of this process count.
    pub(super) counters: Arc<Counters>,
    /// What the host counts; none where nothing reads it.
    pub(super) figures: Option<Figures>,
}

impl Loader {
    pub(super) fn new(
        path: PathBuf,
        environment: String,
        shelf: LibraryCache,
        color: bool,
    ) -> Self {
        let location = site::absolute(&path);
        let directory = site::folder(&location);
        Self {
            path,
            location,
            context: ResolveContext {
                environment,
                directory,
                built: BuiltLibraries::default(),
                kept: Vec::new(),
                instead: Vec::new(),
                trust: Trust::Owner,
                lock: None,
                tells_all_changes: false,
            },
            shelf: Arc::new(Mutex::new((shelf, None))),
            color,
            observer: None,
            locked: false,
            builds: false,
            is_trial: false,
            embedded: None,
            counters: Arc::default(),
            figures: None,
        }
    }

    pub(super) fn probe_with(&self, probe: Box<dyn Probe>) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.1 = Some(ProbedHandlers::new(probe));
    }

    /// Whether its manifest says what the whole process does, as with its log.
    pub(super) fn sets_up_process(&self) -> bool {
        self.embedded.is_none_or(|embedded| !embedded.shares)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.context.directory
    }

    /// Goes to where the links to the manifest lead now: they may have been turned.
    pub(super) fn follow_links(&mut self) {
        self.context.directory = site::folder(&self.location);
    }

    /// The manifest and the lock.
    pub(super) fn own_files(&self) -> Vec<PathBuf> {
        let lock = self.locked.then(|| lock::lock_path(&self.location));
        std::iter::once(self.location.clone()).chain(lock).collect()
    }

    /// Whose manifest and lock to accept.
    fn trust(&self) -> Trust {
        match self.builds {
            true => Trust::Any,
            false => self.context.trust,
        }
    }

    /// A file beside the manifest, in the folder that this reload reads, even if a link changes during it.
    fn in_directory(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or(path.as_os_str());
        self.context.directory.join(name)
    }

    /// Reads the manifest once it is stable. One that `was_read` before may be missing for a moment, as while an
    /// editor replaces it; otherwise it is a typo.
    pub(super) async fn read(&self, was_read: bool) -> Result<Source, Refusal> {
        let (path, file) = (self.path.clone(), self.in_directory(&self.location));
        let (location, trust) = (self.location.clone(), self.trust());
        let patience = match was_read {
            true => SettleTimeouts::default(),
            false => SettleTimeouts {
                deadline: FIRST_READ,
                ..SettleTimeouts::default()
            },
        };
        let read = tokio::task::spawn_blocking(move || {
            let unreadable =
                |why| Stage::Manifest.refuses(manifest::read_error_message(&path, why));
            settle(&file, patience).map_err(|error| unreadable(unsettled(error, was_read)))?;
            let text = site_file::read(&file, &location, trust);
            let text = text.map_err(|error| unreadable(error.into()))?;
            Ok(Source { path, text })
        });
        read.await.unwrap_or_else(|error| Err(task_failed(&error)))
    }

    pub(super) fn parse(&self, source: &Source) -> Result<Parsed, Refusal> {
        let settings = Settings {
            environment: &self.context.environment,
            variable: &|name| std::env::var(name).ok(),
            embedded: self.embedded,
        };
        manifest::parse(source, &settings)
            .map_err(|diagnostics| Stage::Manifest.refuses(source.render(&diagnostics, self.color)))
    }

    pub(super) fn render(&self, diagnostic: &Diagnostic, source: &Source) -> String {
        diagnostic.render(source, self.color)
    }

    /// Reads the lock, if libraries are locked.
    pub(super) fn read_lock(&mut self) -> Result<(), Refusal> {
        let path = lock::lock_path(&self.path);
        let location = lock::lock_path(&self.location);
        let read = || lock::read(&self.in_directory(&path), &location, self.trust());
        let lock = self.locked.then(read).transpose();
        self.context.lock = lock.map_err(|error| {
            let error = error.at(&path);
            let command = self.context.lock_command();
            Stage::Lock.refuses(match error {
                LockFileError::Unreadable { .. } => error.to_string(),
                error => format!("{error}; to write it, run {command}"),
            })
        })?;
        Ok(())
    }

    /// Has these files read again, even if they seem unchanged.
    pub(super) fn forget(&self, files: &[PathBuf]) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        files.iter().for_each(|file| shelf.0.forget(file));
    }

    /// Resolves the manifest's directives; with `reread`, every file is read again.
    pub(super) async fn resolve(
        &self,
        manifest: &Manifest,
        source: &Source,
        reread: bool,
    ) -> Result<Resolved, Refusal> {
        let (shelf, context) = (Arc::clone(&self.shelf), self.context.clone());
        let wanted = manifest.clone();
        let resolved = tokio::task::spawn_blocking(move || {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            let (shelf, probed) = &mut *shelf;
            if reread {
                shelf.invalidate();
            }
            resolve(&wanted, &context, shelf, probed.as_mut())
        });
        let resolved = resolved.await.map_err(|error| task_failed(&error))?;
        resolved.map_err(|error| self.refuse(&error, source))
    }

    /// What `read` makes of the manifest's directives and their libraries. None of these is loaded.
    pub(super) async fn describe<T: Send + 'static>(
        &self,
        manifest: Manifest,
        source: &Source,
        context: ResolveContext,
        read: impl FnOnce(&Manifest, Vec<SelectedHandler<'_>>, &FoundLibraries) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let shelf = Arc::clone(&self.shelf);
        let described = tokio::task::spawn_blocking(move || {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            let mut found = FoundLibraries::new();
            let timings = &mut Timings::default();
            let selected = select(&manifest, &context, &mut shelf.0, &mut found, timings);
            let read = selected.map(|selected| read(&manifest, selected, &found));
            found.into_values().for_each(LibraryCache::discard);
            read
        });
        let described = described.await.map_err(|error| task_failed(&error))?;
        described.map_err(|error| self.refuse(&error, source))
    }

    /// Builds the candidate for generation `number`, which may reuse instances that are `serving`.
    pub(super) async fn build(
        &self,
        manifest: &Manifest,
        resolved: Resolved,
        number: u64,
        serving: Vec<(Position, Arc<Instance>)>,
    ) -> Result<Result<Candidate, RejectedCandidate>, Refusal> {
        let observer = self.observer.clone();
        let context = BuildContext {
            environment: self.context.environment.clone(),
            directory: self.context.directory.clone(),
            runtime: Handle::current(),
            number,
            is_trial: self.is_trial,
            counters: Arc::clone(&self.counters),
            observer: observer.filter(|_| manifest.dev.inspector || manifest.dev.lint),
            metering: self.figures.clone().zip(manifest.metrics).map(metering),
            serving,
        };
        let level = manifest.stack.clone();
        let built = tokio::task::spawn_blocking(move || build(&level, &resolved, &context));
        built.await.map_err(|error| task_failed(&error))
    }

    pub(super) fn refuse(&self, error: &ResolveError, source: &Source) -> Refusal {
        let reason = match error.stage {
            // Nothing is wrong, so no place is to blame.
            Stage::Renew => {
                let messages = error.diagnostics.iter().map(|one| one.message.as_str());
                messages.collect::<Vec<_>>().join("; ")
            }
            _ => source.render(&error.diagnostics, self.color),
        };
        error.stage.refuses(reason)
    }
}

fn metering((figures, metrics): (Figures, Metrics)) -> Metering {
    let layers = metrics.layers;
    Metering { figures, layers }
}

/// Why a manifest could not be read. `settle` speaks of libraries.
fn unsettled(error: SettleError, was_read: bool) -> ReadError {
    match error {
        SettleError::Missing if !was_read => ReadError::Missing,
        SettleError::Missing | SettleError::Vanished(_) => ReadError::Gone,
        SettleError::NotAFile => ReadError::NotAFile,
        SettleError::Empty => ReadError::Empty,
        SettleError::StillChanging(_) => ReadError::StillChanging,
        SettleError::Io(error) => error.into(),
    }
}
