//! The steps of the corridor, each on a thread that may block; their errors are for a person.

use std::fs;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::candidate::{BuildContext, Candidate, build};
use super::library_builder::LibraryBuildError;
use super::refusal::{Refusal, ReloadError, Stage};
use super::reload::Reloader;
use super::report::ReloadMode;
use super::resolve::{ResolveError, Resolved, resolve};
use crate::load::library::{SettleError, SettleTimeouts, settle};
use crate::load::manifest::{self, Manifest, Parsed, ReadError, Settings, Source};
use crate::load::watch::ChangeSet;

/// How long the first look for a manifest may take.
const FIRST_LOOK: Duration = Duration::from_millis(100);

impl Reloader {
    pub(super) async fn read(&self) -> Result<Source, Refusal> {
        let path = self.path.clone();
        // A file that serves already may be gone for a moment; one that never did is a slip.
        let patience = match self.serving {
            Some(_) => SettleTimeouts::default(),
            None => SettleTimeouts {
                deadline: FIRST_LOOK,
                ..SettleTimeouts::default()
            },
        };
        let serves = self.serving.is_some();
        let read = tokio::task::spawn_blocking(move || {
            let unreadable =
                |why| Stage::Manifest.refuses(manifest::read_error_message(&path, why));
            settle(&path, patience).map_err(|error| unreadable(unsettled(error, serves)))?;
            let text = fs::read_to_string(&path).map_err(|error| unreadable(error.into()))?;
            Ok(Source { path, text })
        });
        read.await.unwrap_or_else(|error| Err(task_failed(&error)))
    }

    pub(super) fn parse(&self, source: &Source) -> Result<Parsed, Refusal> {
        let settings = Settings {
            environment: &self.place.environment,
            variable: &|name| std::env::var(name).ok(),
        };
        manifest::parse(source, &settings)
            .map_err(|diagnostics| Stage::Manifest.refuses(source.render(&diagnostics, self.color)))
    }

    /// Finds what the libraries are made of, and watches it from here on: before it is read.
    pub(super) async fn survey(
        &mut self,
        manifest: &Manifest,
        ask: ReloadMode,
        changed: Option<&ChangeSet>,
    ) -> Result<(), Refusal> {
        let changed = self.of_sources(changed);
        let Some(mut libraries) = self.libraries.take() else {
            return Ok(());
        };
        let (wanted, directory) = (manifest.clone(), self.place.directory.clone());
        let force = ask != ReloadMode::IfChanged;
        let (watch, before) = (self.watch.clone(), self.sources.clone());
        let known = self.interest();
        let surveyed = tokio::task::spawn_blocking(move || {
            libraries.survey(&wanted, &directory, &changed, force);
            let sources = libraries.interest();
            if let Some(watch) = watch.filter(|_| sources != before) {
                let failed = watch.set(known.and(sources.clone())).err();
                return (libraries, sources, failed);
            }
            (libraries, sources, None)
        });
        let (libraries, sources, failed) = surveyed.await.map_err(|error| task_failed(&error))?;
        (self.libraries, self.sources) = (Some(libraries), sources);
        match failed {
            Some(error) => Err(Stage::Host.refuses(error)),
            None => Ok(()),
        }
    }

    /// Builds what is out of date. Returns what there is to be said all the same.
    pub(super) async fn build_libraries(&mut self) -> Result<Vec<String>, ReloadError> {
        let Some(libraries) = &mut self.libraries else {
            return Ok(Vec::new());
        };
        let tell = |works| {
            if let Some(on_build) = &self.on_build {
                on_build(works);
            }
        };
        tell(libraries.has_work());
        let built = libraries.build(&self.pending).await;
        tell(false);
        // It may have learnt what else they are made of.
        self.sources = libraries.interest();
        self.place.built = built.map_err(|not| match not {
            LibraryBuildError::Outdated => ReloadError::Outdated,
            LibraryBuildError::Failed(reason) => Stage::Build.refuses(reason).into(),
        })?;
        Ok(std::mem::take(&mut self.place.built.warnings))
    }

    /// Builds all that the manifest names, for a command that reloads nothing.
    pub(super) async fn build_all_libraries(&mut self, manifest: &Manifest) -> Result<(), Refusal> {
        self.survey(manifest, ReloadMode::Force, None).await?;
        let built = self
            .build_libraries()
            .await
            .map_err(|stopped| match stopped {
                ReloadError::Refused(refusal) => refusal,
                ReloadError::Outdated => Stage::Build.refuses("the sources have changed meanwhile"),
            });
        built.map(drop)
    }

    pub(super) async fn resolve(
        &self,
        manifest: &Manifest,
        source: &Source,
        ask: ReloadMode,
    ) -> Result<Resolved, Refusal> {
        let (shelf, place) = (Arc::clone(&self.shelf), self.place.clone());
        let wanted = manifest.clone();
        let resolved = tokio::task::spawn_blocking(move || {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            let (shelf, tried) = &mut *shelf;
            if ask != ReloadMode::IfChanged {
                shelf.invalidate();
            }
            resolve(&wanted, &place, shelf, tried.as_mut())
        });
        let resolved = resolved.await.map_err(|error| task_failed(&error))?;
        resolved.map_err(|faults| self.tell(&faults, source))
    }

    pub(super) async fn build(
        &self,
        manifest: &Manifest,
        resolved: Resolved,
        source: &Source,
        ask: ReloadMode,
    ) -> Result<Candidate, Refusal> {
        let context = BuildContext {
            place: self.place.clone(),
            runtime: Handle::current(),
            number: self.number + 1,
            observer: self
                .observer
                .clone()
                .filter(|_| manifest.dev.inspector || manifest.dev.lint),
            serving: match &self.serving {
                Some(serving) if ask != ReloadMode::Fresh => serving.instances(),
                _ => Vec::new(),
            },
        };
        let level = manifest.stack.clone();
        let built = tokio::task::spawn_blocking(move || build(&level, &resolved, &context));
        let built = built.await.map_err(|error| task_failed(&error))?;
        built.map_err(|rejected| {
            self.abandon(rejected.instances);
            Stage::Init.refuses(source.render(&rejected.diagnostics, self.color))
        })
    }

    pub(super) fn tell(&self, faults: &ResolveError, source: &Source) -> Refusal {
        let reason = source.render(&faults.diagnostics, self.color);
        faults.stage.refuses(reason)
    }
}

/// A step that did not come to its end.
pub(super) fn task_failed(error: &tokio::task::JoinError) -> Refusal {
    Stage::Host.refuses(error)
}

/// Why a manifest did not come to rest. Who waits for files speaks of libraries.
fn unsettled(error: SettleError, serves: bool) -> ReadError {
    match error {
        SettleError::Missing if !serves => ReadError::Missing,
        SettleError::Missing | SettleError::Vanished(_) => ReadError::Gone,
        SettleError::NotAFile => ReadError::NotAFile,
        SettleError::Empty => ReadError::Empty,
        SettleError::StillChanging(_) => ReadError::StillChanging,
        SettleError::Io(error) => error.into(),
    }
}
