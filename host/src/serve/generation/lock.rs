//! Writing a lock from the libraries as they are.

use super::refusal::Refusal;
use super::reload::Reloader;
use super::select::{FoundLibraries, SelectedHandler};
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
        let context = self.loader.context.clone();
        let locked = self.loader.describe(manifest, &source, context, lock);
        locked.await
    }
}

fn lock(_: &Manifest, selected: Vec<SelectedHandler<'_>>, found: &FoundLibraries) -> Lock {
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
}
