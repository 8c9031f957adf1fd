//! What the lock has to do with a stack: read before each, and written from one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::refusal::{Refusal, Stage};
use super::reload::Reloader;
use super::resolve::{ResolveContext, ResolveError, Timings, look};
use super::loader::task_failed;
use crate::load::library::LibraryCache;
use crate::load::lock::{self, Lock, LockedLibrary};
use crate::load::manifest::Manifest;

impl Reloader {
    /// The same, and every library must be in the lock beside the manifest.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.lock = Some(lock::lock_path(&self.path));
        self
    }

    /// The libraries of the manifest as they are now, for a lock. Runs nothing of them.
    ///
    /// # Errors
    ///
    /// What is wrong with the manifest or a library, for a person.
    pub async fn lock(&mut self) -> Result<Lock, Refusal> {
        let source = self.read().await?;
        let manifest = self.parse(&source)?.manifest;
        self.build_all_libraries(&manifest).await?;
        let (shelf, place) = (Arc::clone(&self.shelf), self.place.clone());
        let written = tokio::task::spawn_blocking(move || {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            libraries(&manifest, &place, &mut shelf.0)
        });
        let written = written.await.map_err(|error| task_failed(&error))?;
        written.map_err(|faults| self.tell(&faults, &source))
    }

    /// Reads the lock anew, if libraries are locked.
    pub(super) fn read_lock(&mut self) -> Result<(), Refusal> {
        let lock = self.lock.as_ref().map(|path| lock::read(path)).transpose();
        self.place.lock = lock.map_err(|error| {
            let how = locking(&self.place);
            Stage::Lock.refuses(format!("{error}; to write it, run {how}"))
        })?;
        Ok(())
    }
}

/// The command that locks what there is.
pub(super) fn locking(place: &ResolveContext) -> String {
    match place.environment.as_str() {
        "production" => "`stackup lock`".to_owned(),
        other => format!("`stackup lock -E {other}`"),
    }
}

fn libraries(
    manifest: &Manifest,
    place: &ResolveContext,
    shelf: &mut LibraryCache,
) -> Result<Lock, ResolveError> {
    let mut found = BTreeMap::new();
    let picks = look(manifest, place, shelf, &mut found, &mut Timings::default());
    let lock = picks.map(|picks| {
        let locked = picks.iter().filter_map(|pick| {
            let library = found.get(&pick.file)?;
            let metadata = library.metadata();
            Some(LockedLibrary {
                plugin: pick.directive.plugin.clone(),
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
