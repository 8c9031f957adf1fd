//! Libraries that somebody brings about for the manifest, as by building them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use crate::load::manifest::Manifest;
use crate::load::watch::{Interest, PendingChanges};

/// Brings the libraries of a manifest about, as by building them.
pub trait LibraryBuilder: Send {
    /// Finds out what the libraries of this manifest are made of, and which are out of date since these files
    /// have `changed`; all of them with `force`. Blocks.
    fn survey(&mut self, manifest: &Manifest, directory: &Path, changed: &[PathBuf], force: bool);

    /// What the last survey has found them to be made of: what to watch.
    fn interest(&self) -> Interest;

    /// Whether a change of this file is of no news: it is its own doing, or nothing is made of it.
    fn ignores(&self, path: &Path) -> bool;

    /// Whether something is out of date, and can be built.
    fn has_work(&self) -> bool;

    /// Builds what the last survey has found to be out of date, and gives up when it is out of date before it
    /// is built. Whoever drops it ends all that it has begun.
    fn build<'a>(
        &'a mut self,
        pending: &'a PendingChanges,
    ) -> Pin<Box<dyn Future<Output = Result<BuiltLibraries, LibraryBuildError>> + Send + 'a>>;
}

/// Why there are no libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryBuildError {
    /// Something has changed meanwhile: survey again.
    Outdated,
    /// They can't be built; why, for a person, in colours.
    Failed(String),
}

/// Libraries that were brought about.
#[derive(Debug, Clone, Default)]
pub struct BuiltLibraries {
    /// Plugin name → library file.
    pub files: HashMap<String, PathBuf>,
    /// Every plugin that could be asked for, for a "did you mean".
    pub known: Vec<String>,
    /// What there is to be said about them all the same, for a person, in colours.
    pub warnings: Vec<String>,
}
