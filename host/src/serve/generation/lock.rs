//! Writing a lock from the libraries as they are.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::refusal::{Refusal, task_failed};
use super::reload::Reloader;
use super::report::Timings;
use super::resolve_context::ResolveContext;
use super::select::{ResolveError, select};
use crate::load::library::LibraryCache;
use crate::load::lock::{Lock, LockedLibrary};
use crate::load::manifest::Manifest;

impl Reloader {
    /// A lock of the manifest's libraries as they are now. Runs none of their code.
    ///
    /// # Errors
    ///
    /// What is wrong with the manifest or a library, for a person.
    pub async fn lock(&mut self) -> Result<Lock, Refusal> {
        let (source, manifest) = self.read_and_build().await?;
        let (shelf, context) = (Arc::clone(&self.loader.shelf), self.loader.context.clone());
        let written = tokio::task::spawn_blocking(move || {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            libraries(&manifest, &context, &mut shelf.0)
        });
        let written = written.await.map_err(|error| task_failed(&error))?;
        written.map_err(|error| self.loader.refuse(&error, &source))
    }
}

fn libraries(
    manifest: &Manifest,
    context: &ResolveContext,
    shelf: &mut LibraryCache,
) -> Result<Lock, ResolveError> {
    let mut found = BTreeMap::new();
    let selected = select(
        manifest,
        context,
        shelf,
        &mut found,
        &mut Timings::default(),
    );
    let lock = selected.map(|selected| {
        let locked = selected.iter().filter_map(|handler| {
            let library = found.get(&handler.file)?;
            let metadata = library.metadata();
            Some(LockedLibrary {
                plugin: handler.directive.plugin.clone(),
                sha256: library.fingerprint(),
                abi: metadata.abi.clone(),
                version: metadata.version.clone(),
            })
        });
        Lock(locked.collect())
    });
    found.into_values().for_each(LibraryCache::discard);
    lock
}
