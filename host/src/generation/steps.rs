//! The steps of the corridor, each on a thread that may block; their errors are for a person.

use std::fs;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::candidate::{Built, Ground, build};
use super::reload::Reloader;
use super::report::Ask;
use super::resolve::{Resolved, resolve};
use crate::library::{Patience, settle};
use crate::manifest::{self, Manifest, Parsed, Settings, Source};

/// How long the first look for a manifest may take.
const FIRST_LOOK: Duration = Duration::from_millis(100);

impl Reloader {
    pub(super) async fn read(&self) -> Result<Source, String> {
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

    pub(super) fn parse(&self, source: &Source) -> Result<Parsed, String> {
        let settings = Settings {
            environment: &self.place.environment,
            variable: &|name| std::env::var(name).ok(),
        };
        manifest::parse(source, &settings)
            .map_err(|diagnostics| source.render(&diagnostics, self.color))
    }

    pub(super) async fn build_libraries(
        &mut self,
        manifest: &Manifest,
        ask: Ask,
    ) -> Result<(), String> {
        let Some(mut libraries) = self.libraries.take() else {
            return Ok(());
        };
        let (wanted, directory) = (manifest.clone(), self.place.directory.clone());
        let force = ask != Ask::Look;
        let brought = tokio::task::spawn_blocking(move || {
            let built = libraries.bring(&wanted, &directory, force);
            (libraries, built)
        });
        let (libraries, built) = brought.await.map_err(|error| error.to_string())?;
        self.libraries = Some(libraries);
        self.place.brought = built?;
        Ok(())
    }

    pub(super) async fn resolve(
        &self,
        manifest: &Manifest,
        source: &Source,
        ask: Ask,
    ) -> Result<Resolved, String> {
        let (shelf, place) = (Arc::clone(&self.shelf), self.place.clone());
        let wanted = manifest.clone();
        let resolved = tokio::task::spawn_blocking(move || {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            let (shelf, tried) = &mut *shelf;
            if ask != Ask::Look {
                shelf.forget();
            }
            resolve(&wanted, &place, shelf, tried.as_mut())
        });
        let resolved = resolved.await.map_err(|error| error.to_string())?;
        resolved.map_err(|diagnostics| source.render(&diagnostics, self.color))
    }

    pub(super) async fn build(
        &self,
        manifest: &Manifest,
        resolved: Resolved,
        source: &Source,
        ask: Ask,
    ) -> Result<Built, String> {
        let ground = Ground {
            place: self.place.clone(),
            runtime: Handle::current(),
            number: self.number + 1,
            watched: self.watching && (manifest.dev.inspector || manifest.dev.lint),
            serving: match &self.serving {
                Some(serving) if ask != Ask::Fresh => serving.instances(),
                _ => Vec::new(),
            },
        };
        let level = manifest.stack.clone();
        let built = tokio::task::spawn_blocking(move || build(&level, &resolved, &ground));
        let built = built.await.map_err(|error| error.to_string())?;
        built.map_err(|unbuilt| {
            self.abandon(unbuilt.instances);
            source.render(&unbuilt.diagnostics, self.color)
        })
    }
}
