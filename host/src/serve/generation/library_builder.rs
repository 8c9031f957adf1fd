//! The trait that builds the libraries of a manifest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use crate::load::manifest::{Directive, Manifest};
use crate::load::watch::{Interest, PendingChanges};

/// Builds the libraries of a manifest.
pub trait LibraryBuilder: Send + Sync {
    /// Finds the sources of this manifest's libraries, and which libraries are out of date because files have `changed`;
    /// with `force`, all are. Blocks.
    fn survey(&mut self, manifest: &Manifest, directory: &Path, changed: &[PathBuf], force: bool);

    /// The sources that the last survey has found: what to watch.
    fn interest(&self) -> Interest;

    /// Whether a change of this file can be ignored: the builder has written it, or it is no source.
    fn ignores(&self, path: &Path) -> bool;

    /// Whether a library is out of date and can be built.
    fn has_work(&self) -> bool;

    /// Builds the libraries that the last survey has found to be out of date. Fails if their sources change again before
    /// that. Dropping the future ends the build.
    fn build<'a>(
        &'a mut self,
        pending: &'a PendingChanges,
    ) -> Pin<Box<dyn Future<Output = Result<BuiltLibraries, LibraryBuildError>> + Send + 'a>>;
}

/// Why libraries could not be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryBuildError {
    /// Sources changed during the build: survey again.
    Outdated,
    /// The build failed; the reason is for people, with colours.
    Failed(String),
}

/// Libraries that were built.
#[derive(Debug, Clone, Default)]
pub struct BuiltLibraries {
    /// The library file of each plugin.
    pub files: HashMap<PluginRef, PathBuf>,
    /// Every plugin that could be named, for a "did you mean".
    pub known: Vec<String>,
    /// Warnings about them, for people, with colours.
    pub warnings: Vec<String>,
}

/// A plugin as a directive refers to it. One name may stand for two crates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginRef {
    /// Its name.
    pub plugin: String,
    /// The directive's `path`, as written.
    pub path: Option<PathBuf>,
}

impl PluginRef {
    /// The plugin of a directive.
    pub fn of(directive: &Directive) -> Self {
        Self {
            plugin: directive.plugin.clone(),
            path: directive.path.clone(),
        }
    }

    /// A plugin without a `path`.
    pub fn named(plugin: &str) -> Self {
        Self {
            plugin: plugin.to_owned(),
            path: None,
        }
    }
}
