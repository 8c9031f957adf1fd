//! What is said on the line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::snapshot::{RejectedStack, Snapshot, Substitute};
use crate::serve::generation::ReloadRecord;
use crate::services::LogFormat;

/// What the supervisor tells a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Look again, and swap if something has changed. Answered by [`Event::Reloaded`] with `query`.
    Reload {
        /// Names the answer.
        query: u64,
        /// How thoroughly.
        #[serde(rename = "ask")]
        options: ReloadOptions,
    },
    /// Tell what there is. Answered by [`Event::Status`].
    Status {
        /// Names the answer.
        query: u64,
    },
    /// Start no reload until [`Command::Resume`]: another worker is about to take over. Answered by
    /// [`Event::Held`], when the reload that runs has ended.
    Hold,
    /// Go on as before.
    Resume,
    /// Take no new connections; each that is open ends with its next response.
    Retire,
    /// End: idle connections close, requests may finish.
    Stop {
        /// Why, in a word for the log.
        cause: String,
    },
    /// End now.
    Quit,
}

/// How thoroughly to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadOptions {
    /// BuildOptions every instance anew, and swap even if nothing has changed.
    #[serde(default)]
    pub fresh: bool,
    /// Take up again what was rolled back or quarantined.
    #[serde(default)]
    pub retry: bool,
}

/// All that a worker has to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// The supervisor's [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u32,
    /// The manifest.
    pub manifest: PathBuf,
    /// `development`, `production`, ….
    pub environment: String,
    /// How to build plugins; none where libraries are served as they are.
    pub build: Option<BuildOptions>,
    /// Refuse what the lock file does not name.
    pub locked: bool,
    /// Tell clients why a request failed.
    pub show_errors: bool,
    /// How the log is written.
    pub format: LogFormat,
    /// The most verbose level of the log: 1 error … 5 trace.
    pub level: u8,
    /// Colours in the log.
    pub color: bool,
    /// Where libraries of known good stacks are kept.
    pub vault: PathBuf,
    /// The stack to begin with; without one, what the manifest says.
    pub snapshot: Option<Snapshot>,
    /// The last number of a generation that was used.
    pub generation: u64,
    /// The last number of a reload that was used.
    pub reloads: u64,
    /// Stacks that were rolled back: not to be taken up again as they are.
    pub avoid: Vec<RejectedStack>,
    /// Libraries that are quarantined, and what stands in for each.
    pub instead: Vec<Substitute>,
}

/// How plugins are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOptions {
    /// In the release profile.
    pub release: bool,
    /// Without telling of progress.
    pub quiet: bool,
}

/// A handler that blocks its thread for longer than it may.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hang {
    /// As the manifest names it.
    pub handler: String,
    /// Its plugin.
    pub plugin: String,
    /// Its library.
    pub fingerprint: String,
    /// The generation of the request.
    pub generation: u64,
    /// For how long.
    pub seconds: f64,
}

/// What a worker tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It runs, and knows what to do.
    Hello {
        /// Its [`PROTOCOL`](super::PROTOCOL).
        protocol: u32,
        /// Its version.
        version: String,
    },
    /// The first stack was refused; it ends.
    Failed {
        /// Why, for a person.
        reason: String,
    },
    /// It accepts connections.
    Serving,
    /// This stack serves from now on.
    Active(Box<Snapshot>),
    /// It begins to build a stack: should it die now, that was the one.
    Trying {
        /// Its [`Snapshot::state`]; none if nothing came of it.
        state: Option<String>,
    },
    /// The stack of this generation has passed its probation.
    Proven {
        /// Its number.
        generation: u64,
    },
    /// A reload has ended.
    Reloaded {
        /// The order that asked for it, if one did.
        query: Option<u64>,
        /// What it did.
        record: Box<ReloadRecord>,
    },
    /// What there is.
    Status {
        /// The order that asked.
        query: u64,
        /// As `stackup status --json` has it.
        status: Value,
    },
    /// It starts no reload from here on.
    Held,
    /// It should be replaced: its budget is spent.
    Spent {
        /// Which, for a person.
        reason: String,
    },
    /// It should be replaced: a handler holds one of its threads.
    Hung(Hang),
    /// It ends by itself: somebody has told its process to.
    Leaving {
        /// Who, for a person.
        cause: String,
    },
}
