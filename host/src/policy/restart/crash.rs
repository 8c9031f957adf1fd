//! The facts of a crash.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StackSource;
use crate::policy::ExitReason;

/// A worker that ended unexpectedly.
#[derive(Debug, Clone)]
pub struct Crash {
    /// How it ended.
    pub reason: ExitReason,
    /// The handler that ran, from the worker's last words; `None` outside any handler, or without last words.
    pub culprit: Option<Culprit>,
    /// The stack it was started with.
    pub origin: StackSource,
    /// The active stack; `None` if it ended before it served.
    pub active: Option<ActiveStack>,
    /// How long it served.
    pub served: Duration,
    /// Whether there is a known good stack other than the one that served or started.
    pub known_good: bool,
}

/// The handler that ran when a worker died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// As the manifest names it: `plugin` or `plugin#handler`.
    pub handler: String,
    /// The plugin's name in the manifest.
    pub plugin: String,
    /// The fingerprint of its library, in hex.
    pub fingerprint: String,
    /// The generation it ran in.
    pub generation: u64,
}

/// The active stack.
#[derive(Debug, Clone)]
pub struct ActiveStack {
    /// Its number.
    pub generation: u64,
    /// Whether it is on probation.
    pub on_probation: bool,
    /// The fingerprints of its libraries, in hex.
    pub fingerprints: BTreeSet<String>,
}

impl Crash {
    /// Killed by another process: a process that its own code kills leaves last words.
    pub(super) fn is_from_outside(&self) -> bool {
        self.culprit.is_none() && self.reason.is_from_outside()
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = &self.reason;
        match (&self.culprit, reason) {
            (None, ExitReason::Stopped(_)) => {
                write!(f, "the worker was stopped from outside ({reason})")?;
            }
            (None, _) if self.is_from_outside() => {
                write!(f, "the worker was killed from outside ({reason})")?;
            }
            (None, ExitReason::Signal(_)) => {
                write!(f, "the worker crashed outside any handler ({reason})")?
            }
            (None, ExitReason::Exit(_)) => write!(f, "the worker exited ({reason})")?,
            (None, ExitReason::Hung(_)) => write!(f, "the worker did not answer ({reason})")?,
            (Some(culprit), reason) => {
                let Culprit {
                    handler,
                    generation,
                    ..
                } = culprit;
                let did = match reason {
                    ExitReason::Signal(_) => "crashed the worker",
                    ExitReason::Exit(_) => "ended the process",
                    ExitReason::Hung(_) | ExitReason::Stopped(_) => "blocked its thread",
                };
                write!(f, "`{handler}` of generation {generation} {did} ({reason})")?;
            }
        }
        if self.active.is_none() {
            f.write_str(" before it served")?;
        }
        Ok(())
    }
}
