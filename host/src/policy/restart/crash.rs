//! The facts of a crash.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::StackSource;
use crate::policy::ExitReason;

/// A worker that ended though nobody had asked it to.
#[derive(Debug, Clone)]
pub struct Crash {
    /// How it ended.
    pub how: ExitReason,
    /// Who ran, as its last words say; `None` outside of any handler, or without last words.
    pub who: Option<Culprit>,
    /// What it was started with.
    pub origin: StackSource,
    /// What served; `None` if it had not come to serve.
    pub active: Option<ActiveStack>,
    /// Whether there is a known good stack that is another than the one that served or began.
    pub known_good: bool,
}

/// The handler that ran when a worker died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// As the manifest names it: `plugin` or `plugin#handler`.
    pub handler: String,
    /// The plugin's name in the manifest.
    pub plugin: String,
    /// Its library, in hex.
    pub fingerprint: String,
    /// The generation that it ran for.
    pub generation: u64,
}

/// The stack that served.
#[derive(Debug, Clone)]
pub struct ActiveStack {
    /// Its number.
    pub generation: u64,
    /// Whether it has yet to prove itself.
    pub on_probation: bool,
    /// All libraries of it, in hex.
    pub fingerprints: BTreeSet<String>,
}

impl Crash {
    /// Killed, and by nobody inside: who dies of its own code says so last.
    pub(super) fn is_from_outside(&self) -> bool {
        self.who.is_none() && self.how.is_from_outside()
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = &self.how;
        match (&self.who, how) {
            (None, _) if self.is_from_outside() => {
                write!(f, "the worker was killed from outside ({how})")?;
            }
            (None, ExitReason::Signal(_)) => {
                write!(f, "the worker crashed outside of a handler ({how})")?
            }
            (None, ExitReason::Exit(_)) => write!(f, "the worker ended by itself ({how})")?,
            (None, ExitReason::Hung(_)) => write!(f, "the worker does not answer ({how})")?,
            (Some(who), how) => {
                let Culprit {
                    handler,
                    generation,
                    ..
                } = who;
                let did = match how {
                    ExitReason::Signal(_) => "crashed the worker",
                    ExitReason::Exit(_) => "ended the process",
                    ExitReason::Hung(_) => "blocked its thread",
                };
                write!(f, "`{handler}` of generation {generation} {did} ({how})")?;
            }
        }
        if self.active.is_none() {
            f.write_str(" before it came to serve")?;
        }
        Ok(())
    }
}
