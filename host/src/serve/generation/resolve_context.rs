//! What directives are resolved with, besides the manifest.

use std::path::{Path, PathBuf};

use super::library_builder::BuiltLibraries;
use crate::load::library::{Fingerprint, ResolvedLibrary, Trust};
use crate::load::lock::Lock;
use crate::load::manifest::Directive;
use crate::load::snapshot::{SavedLibrary, Substitute};

/// What directives are resolved with, besides the manifest.
#[derive(Debug, Clone)]
pub struct ResolveContext {
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// The plugins that were built; all others are located on the manifest's `path`.
    pub built: BuiltLibraries,
    /// Libraries of a snapshot, which replace the files.
    pub kept: Vec<SavedLibrary>,
    /// The quarantined libraries, each with its substitute.
    pub instead: Vec<Substitute>,
    /// Whose files to accept, whatever the manifest says.
    pub trust: Trust,
    /// The libraries that the lock allows, if there is a lock.
    pub lock: Option<Lock>,
    /// Whether to warn of changes of the process that are set back, too.
    pub tells_all_changes: bool,
}

impl ResolveContext {
    /// The library of a directive in the snapshot.
    pub(super) fn kept(&self, directive: &Directive) -> Option<&SavedLibrary> {
        let same =
            |kept: &&SavedLibrary| kept.plugin == directive.plugin && kept.path == directive.path;
        self.kept.iter().find(same)
    }

    /// Whether this process has built the library in `file`.
    pub(super) fn is_built(&self, file: &Path) -> bool {
        self.built.files.values().any(|built| built == file)
    }

    /// The substitute for a library that is quarantined.
    pub(super) fn substitute(&self, library: &ResolvedLibrary) -> Option<&SavedLibrary> {
        self.quarantined(library.fingerprint())?.before.as_ref()
    }

    /// Why a library may not serve.
    pub(super) fn quarantined(&self, fingerprint: Fingerprint) -> Option<&Substitute> {
        self.instead
            .iter()
            .find(|held| held.fingerprint == fingerprint)
    }

    /// The command that writes the lock.
    pub(super) fn lock_command(&self) -> String {
        match self.environment.as_str() {
            "production" => "`stackup lock`".to_owned(),
            other => format!("`stackup lock -E {other}`"),
        }
    }
}
