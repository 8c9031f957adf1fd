//! `config.ru.lock`: the libraries that a manifest's plugins may use, by content.
//!
//! Does not know how libraries are found, or what happens to one that is not in the lock.

use std::collections::BTreeSet;

use crate::load::library::Fingerprint;

pub use self::file::{LockFileError, lock_path, read, write};
pub use self::text::{TextError, parse};

mod file;
mod text;

/// The locked libraries of a manifest, sorted, without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(pub BTreeSet<LockedLibrary>);

/// A locked library. A plugin may have several if directives give its `path`.
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
    /// The hashes locked for `plugin`; empty if the lock does not list it.
    pub fn fingerprints(&self, plugin: &str) -> Vec<Fingerprint> {
        let locked = self.0.iter().filter(|locked| locked.plugin == plugin);
        locked.map(|locked| locked.sha256).collect()
    }
}
