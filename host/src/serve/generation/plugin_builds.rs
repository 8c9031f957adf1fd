//! The libraries that are built from crates, and the sources that they are built from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::library_builder::{BuiltLibraries, LibraryBuildError, LibraryBuilder};
use super::refusal::{Refusal, ReloadError, Stage, task_failed};
use crate::load::manifest::Manifest;
use crate::load::watch::{ChangeSet, Interest, PendingChanges, Watcher};

/// Called with true when a build starts and with false when it ends.
pub type OnBuild = Box<dyn Fn(bool) + Send + Sync + Sync>;

/// Builds libraries where a builder is set, and has their sources watched.
#[derive(Default)]
pub(super) struct PluginBuilds {
    builder: Option<Box<dyn LibraryBuilder>>,
    pub(super) on_build: Option<OnBuild>,
    sources: Interest,
    watcher: Option<Arc<Watcher>>,
    pending: Arc<PendingChanges>,
}

impl PluginBuilds {
    pub(super) fn new(builder: Option<Box<dyn LibraryBuilder>>) -> Self {
        Self {
            builder,
            ..Self::default()
        }
    }

    pub(super) fn watch(&mut self, watcher: Arc<Watcher>, pending: Arc<PendingChanges>) {
        (self.watcher, self.pending) = (Some(watcher), pending);
    }

    /// The changes since the last call.
    pub(super) fn take_changes(&self) -> Option<ChangeSet> {
        self.pending.take()
    }

    /// Resolves when a path has changed for which `wanted` holds.
    pub(super) async fn changed_matching(&self, wanted: impl Fn(&Path) -> bool) {
        self.pending.changed_matching(wanted).await;
    }

    /// The sources that the last survey has found.
    pub(super) fn sources(&self) -> &Interest {
        &self.sources
    }

    pub(super) fn builds(&self) -> bool {
        self.builder.is_some()
    }

    pub(super) fn has_work(&self) -> bool {
        self.builder.as_ref().is_some_and(|it| it.has_work())
    }

    /// Whether a change of this file leads to no other library.
    pub(super) fn ignores(&self, path: &Path) -> bool {
        self.builder.as_ref().is_some_and(|it| it.ignores(path))
    }

    /// Finds the sources of the libraries and watches them, together with the `known` files, before any of them is
    /// read. Sources that have `changed` are built again, with `force` all.
    pub(super) async fn survey(
        &mut self,
        manifest: &Manifest,
        directory: &Path,
        changed: Vec<PathBuf>,
        force: bool,
        known: Interest,
    ) -> Result<(), Refusal> {
        let Some(mut builder) = self.builder.take() else {
            return Ok(());
        };
        let (wanted, directory) = (manifest.clone(), directory.to_path_buf());
        let (watcher, before) = (self.watcher.clone(), self.sources.clone());
        let surveyed = tokio::task::spawn_blocking(move || {
            builder.survey(&wanted, &directory, &changed, force);
            let sources = builder.interest();
            let watcher = watcher.filter(|_| sources != before);
            let failed = watcher.and_then(|it| it.set(known.and(sources.clone())).err());
            (builder, sources, failed)
        });
        let (builder, sources, failed) = surveyed.await.map_err(|error| task_failed(&error))?;
        (self.builder, self.sources) = (Some(builder), sources);
        match failed {
            Some(error) => Err(Stage::Host.refuses(error)),
            None => Ok(()),
        }
    }

    /// Builds what is out of date.
    pub(super) async fn build(&mut self) -> Result<BuiltLibraries, ReloadError> {
        let Some(builder) = &mut self.builder else {
            return Ok(BuiltLibraries::default());
        };
        let report = |building| {
            if let Some(on_build) = &self.on_build {
                on_build(building);
            }
        };
        report(builder.has_work());
        let built = builder.build(&self.pending).await;
        report(false);
        // A build may find further sources.
        self.sources = builder.interest();
        built.map_err(|error| match error {
            LibraryBuildError::Outdated => ReloadError::Outdated,
            LibraryBuildError::Failed(reason) => Stage::Build.refuses(reason).into(),
        })
    }
}
