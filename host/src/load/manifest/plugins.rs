//! `[plugins]`: where to look for libraries, and which to trust.

use std::path::PathBuf;

pub use checked_file::Trust;

use super::Span;

/// `[plugins]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugins {
    /// Directories searched for `libNAME.so`, first found wins; relative to the manifest's folder.
    pub path: Vec<PathBuf>,
    /// Which files may be loaded.
    pub trust: Trust,
    /// Libraries of the system to load before any plugin, for plugins that find their symbols there.
    pub preload: Vec<Preload>,
    /// What happens to a plugin that changes what belongs to the whole process.
    pub process_state: OnProcessChange,
}

/// A library of the system to load before any plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preload {
    /// As the system's loader finds it, for example `libpython3.11.so.1.0`.
    pub name: String,
    /// Its place in the manifest.
    pub span: Span,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            path: vec![PathBuf::from("plugins"), PathBuf::from("target/release")],
            trust: Trust::Owner,
            preload: Vec::new(),
            process_state: OnProcessChange::Report,
        }
    }
}

/// What happens to a plugin that changes what belongs to the whole process, such as its working directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnProcessChange {
    /// It serves, and the change is reported.
    #[default]
    Report,
    /// It is refused.
    Strict,
}
