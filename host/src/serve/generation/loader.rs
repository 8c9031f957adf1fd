//! From the manifest's file to a candidate. Each step runs on a thread that may block; its errors are for people.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::candidate::{BuildContext, Candidate, RejectedCandidate, build};
use super::instance::Instance;
use super::library_builder::BuiltLibraries;
use super::matching::Position;
use super::probed::ProbedHandlers;
use super::refusal::{Refusal, Stage, task_failed};
use super::resolve::{Resolved, resolve};
use super::resolve_context::ResolveContext;
use super::select::ResolveError;
use crate::load::library::{LibraryCache, SettleError, SettleTimeouts, settle};
use crate::load::lock;
use crate::load::manifest::{self, Diagnostic, Manifest, Parsed, ReadError, Settings, Source};
use crate::load::probe::Probe;
use crate::serve::observe::ObserveLayers;

/// How long to wait for a manifest that was never read before.
const FIRST_READ: Duration = Duration::from_millis(100);

/// The libraries that were read before, and the handlers that were probed.
pub(super) type SharedShelf = Arc<Mutex<(LibraryCache, Option<ProbedHandlers>)>>;

/// Turns the manifest's file into a candidate.
pub(super) struct Loader {
    /// The manifest's file.
    pub(super) path: PathBuf,
    pub(super) context: ResolveContext,
    pub(super) shelf: SharedShelf,
    pub(super) color: bool,
    pub(super) observer: Option<Arc<dyn ObserveLayers>>,
    /// The lock's file, if libraries are locked.
    pub(super) lock: Option<PathBuf>,
}

impl Loader {
    pub(super) fn new(
        path: PathBuf,
        environment: String,
        shelf: LibraryCache,
        color: bool,
    ) -> Self {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        // If the directory does not exist, reading the manifest reports it.
        let directory = fs::canonicalize(&directory).unwrap_or(directory);
        Self {
            path,
            context: ResolveContext {
                environment,
                directory,
                built: BuiltLibraries::default(),
                kept: Vec::new(),
                instead: Vec::new(),
                lock: None,
            },
            shelf: Arc::new(Mutex::new((shelf, None))),
            color,
            observer: None,
            lock: None,
        }
    }

    pub(super) fn probe_with(&self, probe: Box<dyn Probe>) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.1 = Some(ProbedHandlers::new(probe));
    }

    pub(super) fn directory(&self) -> &Path {
        &self.context.directory
    }

    /// The manifest and the lock.
    pub(super) fn own_files(&self) -> Vec<PathBuf> {
        std::iter::once(&self.path)
            .chain(&self.lock)
            .cloned()
            .collect()
    }

    /// Reads the manifest once it is stable. One that `was_read` before may be missing for a moment, as while an
    /// editor replaces it; otherwise it is a typo.
    pub(super) async fn read(&self, was_read: bool) -> Result<Source, Refusal> {
        let path = self.path.clone();
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
            settle(&path, patience).map_err(|error| unreadable(unsettled(error, was_read)))?;
            let text = fs::read_to_string(&path).map_err(|error| unreadable(error.into()))?;
            Ok(Source { path, text })
        });
        read.await.unwrap_or_else(|error| Err(task_failed(&error)))
    }

    pub(super) fn parse(&self, source: &Source) -> Result<Parsed, Refusal> {
        let settings = Settings {
            environment: &self.context.environment,
            variable: &|name| std::env::var(name).ok(),
        };
        manifest::parse(source, &settings)
            .map_err(|diagnostics| Stage::Manifest.refuses(source.render(&diagnostics, self.color)))
    }

    pub(super) fn render(&self, diagnostic: &Diagnostic, source: &Source) -> String {
        diagnostic.render(source, self.color)
    }

    /// Reads the lock, if libraries are locked.
    pub(super) fn read_lock(&mut self) -> Result<(), Refusal> {
        let lock = self.lock.as_ref().map(|path| lock::read(path)).transpose();
        self.context.lock = lock.map_err(|error| {
            let command = self.context.lock_command();
            Stage::Lock.refuses(format!("{error}; to write it, run {command}"))
        })?;
        Ok(())
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
            observer: observer.filter(|_| manifest.dev.inspector || manifest.dev.lint),
            serving,
        };
        let level = manifest.stack.clone();
        let built = tokio::task::spawn_blocking(move || build(&level, &resolved, &context));
        built.await.map_err(|error| task_failed(&error))
    }

    pub(super) fn refuse(&self, error: &ResolveError, source: &Source) -> Refusal {
        let reason = source.render(&error.diagnostics, self.color);
        error.stage.refuses(reason)
    }
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
