//! `[plugins]`: where to look for libraries, and which to trust.

use std::path::PathBuf;

/// `[plugins]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugins {
    /// Directories searched for `libNAME.so`, first found wins; relative to the manifest's folder.
    pub path: Vec<PathBuf>,
    /// Which files may be loaded.
    pub trust: Trust,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            path: vec![PathBuf::from("plugins"), PathBuf::from("target/release")],
            trust: Trust::Owner,
        }
    }
}

/// Which library files may be loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Files that only their owner and root can change.
    #[default]
    Owner,
    /// Any file: for shared development machines.
    Any,
}
