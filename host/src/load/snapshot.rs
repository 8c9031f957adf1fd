//! A stack that can be had again, whatever has become of its files.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::load::library::Fingerprint;

/// A stack: the manifest's text, and its libraries as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The generation that it served as.
    pub generation: u64,
    /// Tells this stack from others: code, config and order.
    pub state: String,
    /// The manifest's text.
    pub manifest: String,
    /// One for each directive whose library was not quarantined.
    pub libraries: Vec<SavedLibrary>,
    /// What the supervisor must know of the manifest.
    pub rules: SupervisorRules,
}

/// A library that is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SavedLibrary {
    /// The plugin, as the manifest names it.
    pub plugin: String,
    /// The directive's `path`, as written.
    pub path: Option<PathBuf>,
    /// The file that it came from.
    pub file: PathBuf,
    /// The hash of its content.
    pub fingerprint: Fingerprint,
    /// The file that has its content.
    pub kept: PathBuf,
}

/// What a manifest asks of the supervisor. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorRules {
    /// So many crashes …
    pub crashes: u32,
    /// … within this time quarantine a library.
    pub crash_window: u64,
    /// How long the last requests of a worker may take.
    pub drain_timeout: u64,
    /// The same when everything ends.
    pub shutdown_timeout: u64,
}

impl Default for SupervisorRules {
    fn default() -> Self {
        Self {
            crashes: 3,
            crash_window: 600_000,
            drain_timeout: 30_000,
            shutdown_timeout: 30_000,
        }
    }
}

/// A stack that was rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedStack {
    /// Its [`Snapshot::state`].
    pub state: String,
    /// Why, for a person.
    pub reason: String,
}

/// What to do about a library that is quarantined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Substitute {
    /// The library that is quarantined.
    pub fingerprint: Fingerprint,
    /// Why, for a person.
    pub reason: String,
    /// The library of the same plugin that was good before; without one the directive's policy decides.
    pub before: Option<SavedLibrary>,
}
