//! `config.ru.lock`: the libraries that a manifest's plugins may be, by their content.
//!
//! Knows neither how libraries are found nor what is done with one that is not in the lock.

use std::collections::BTreeSet;

use crate::load::library::Fingerprint;

pub use self::file::{LockFileError, lock_path, read, write};
pub use self::text::{TextError, parse};

mod file;
mod text;

/// The libraries of a manifest, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(pub BTreeSet<LockedLibrary>);

/// A library. A plugin may have several, where directives say its `path`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedLibrary {
    /// The plugin's name in the manifest.
    pub plugin: String,
    /// The hash of its content.
    pub sha256: Fingerprint,
    /// The version of stackup-plugin it was built against.
    pub abi: String,
    /// Its own version.
    pub version: String,
}

impl Lock {
    /// What the library of `plugin` may be; empty if the lock does not have the plugin.
    pub fn fingerprints(&self, plugin: &str) -> Vec<Fingerprint> {
        let locked = self.0.iter().filter(|locked| locked.plugin == plugin);
        locked.map(|locked| locked.sha256).collect()
    }
}
