//! A stack that can be restored even if its files have changed or are gone.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::load::library::Fingerprint;

/// A stack: the manifest's text, and the libraries it used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The generation it served as.
    pub generation: u64,
    /// Identifies the stack: a hash of its code, config and order.
    pub state: String,
    /// The manifest's text.
    pub manifest: String,
    /// The folder that its relative paths start from.
    #[serde(default)]
    pub directory: Option<PathBuf>,
    /// One per directive whose library was not quarantined.
    pub libraries: Vec<SavedLibrary>,
    /// The manifest's settings that the supervisor applies.
    pub rules: SupervisorRules,
}

/// A library whose content is saved for later workers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SavedLibrary {
    /// The plugin's name in the manifest.
    pub plugin: String,
    /// The directive's `path`, as written.
    pub path: Option<PathBuf>,
    /// The file it was read from.
    pub file: PathBuf,
    /// The hash of its content.
    pub fingerprint: Fingerprint,
    /// The file that holds its content.
    #[serde(rename = "kept")]
    pub copy: PathBuf,
}

/// The manifest's settings that the supervisor applies. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorRules {
    /// This many crashes …
    pub crashes: u32,
    /// … within this time quarantine a library.
    pub crash_window: u64,
    /// How long a retiring worker may take to finish its requests.
    pub drain_timeout: u64,
    /// The same for its connections that have changed to another protocol; 0 in a stack that an earlier version has saved.
    #[serde(default)]
    pub upgrade_drain: u64,
    /// The same when the whole server shuts down.
    pub shutdown_timeout: u64,
    /// How long a worker may be silent; none for any time.
    #[serde(default = "worker_timeout")]
    pub worker_timeout: Option<u64>,
}

impl SupervisorRules {
    /// How long a retiring worker may take.
    pub fn retire_time(&self) -> Duration {
        let requests = self.drain_timeout + self.shutdown_timeout;
        Duration::from_millis(requests.max(self.upgrade_drain))
    }
}

/// For a stack that an earlier version has saved.
#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn worker_timeout() -> Option<u64> {
    Some(10_000)
}

impl Default for SupervisorRules {
    fn default() -> Self {
        Self {
            crashes: 3,
            crash_window: 600_000,
            drain_timeout: 30_000,
            upgrade_drain: 30_000,
            shutdown_timeout: 30_000,
            worker_timeout: worker_timeout(),
        }
    }
}

/// A stack that was rolled back, and is not tried again until it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedStack {
    /// Its [`Snapshot::state`].
    pub state: String,
    /// The reason, as shown to the user.
    pub reason: String,
    /// The [`Snapshot::state`] that somebody chose to serve instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

/// What takes the place of a quarantined library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Substitute {
    /// The quarantined library.
    pub fingerprint: Fingerprint,
    /// The reason, as shown to the user.
    pub reason: String,
    /// The last good library of the same plugin; without one, the directive's `on_failure` applies.
    pub before: Option<SavedLibrary>,
}
