//! The messages between supervisor and worker.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::develop::compile::Profile;
use crate::load::certificates::KeptCertificates;
use crate::load::library::Trust;
use crate::load::manifest::ListenProtocols;
use crate::load::snapshot::{RejectedStack, Snapshot, Substitute};
use crate::serve::generation::ReloadRecord;
use crate::serve::reload_loop::ReloadOptions;
use crate::serve::server::tls::TicketSecret;
use crate::services::{DataCommand, GuestEvent, GuestState, LogFormat};

/// What the supervisor sends to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Read the manifest again and swap if anything has changed. Answered by [`Event::Reloaded`].
    Reload {
        /// The same number comes back in the answer.
        query: u64,
        /// How thoroughly.
        #[serde(rename = "ask")]
        options: ReloadOptions,
    },
    /// Report the status. Answered by [`Event::Status`].
    Status {
        /// The same number comes back in the answer.
        query: u64,
    },
    /// Start no reload until [`Command::Resume`]: another worker is about to take over. Answered by
    /// [`Event::Held`] as soon as no reload is running.
    Hold,
    /// Reload again on changes, after [`Command::Hold`].
    Resume,
    /// Accept no new connections; each open one closes after its next response. Answered by [`Event::Closed`].
    Retire,
    /// Shut down: close idle connections, let requests finish.
    Stop {
        /// Why, for the log.
        cause: String,
    },
    /// Exit now.
    Quit,
    /// Say that you are alive. Answered by [`Event::Pong`]; only for a worker whose [`Event::Hello`] says that it knows
    /// the command.
    Ping,
    /// Write the store to the file that comes with it: another worker is about to serve. Answered by
    /// [`Event::StoreSaved`]; only for a worker whose [`Event::Hello`] says that it knows the command.
    SaveStore,
    /// Load the store from the file that comes with it, then serve: the answer to [`Event::Ready`].
    LoadStore,
    /// Run a command about stored data. Answered by [`Event::DataReply`]; only for a worker whose [`Event::Hello`] says that
    /// it knows the command.
    Data {
        /// The same number comes back in the answer.
        query: u64,
        /// What to do.
        command: DataCommand,
    },
    /// What has become of a guest. Only for claims that the worker has made by [`Event::Guest`].
    Guest {
        /// The number of the claim.
        claim: u64,
        /// The state of its guest.
        state: GuestState,
    },
    /// Serve with an empty store: the other answer to [`Event::Ready`].
    BeginEmpty,
}

/// Everything that a worker needs to start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// The supervisor's [`PROTOCOL`](super::PROTOCOL).
    pub protocol: u32,
    /// The manifest, as messages name it.
    pub manifest: PathBuf,
    /// The same, absolute, with the links by which it is reached.
    #[serde(default)]
    pub location: Option<PathBuf>,
    /// `development`, `production`, ….
    pub environment: String,
    /// How to build plugins; none if it loads libraries that are already built.
    pub build: Option<BuildOptions>,
    /// Refuse libraries that the lock file does not list.
    pub locked: bool,
    /// Whose files to accept, whatever the manifest says.
    #[serde(default)]
    pub trust: Trust,
    /// Show clients why a request failed.
    pub show_errors: bool,
    /// The log's format.
    pub format: LogFormat,
    /// The most verbose level of the log: 1 error … 5 trace.
    pub level: u8,
    /// Whether the log has colours.
    pub color: bool,
    /// The directory that keeps the libraries of known good stacks.
    #[serde(rename = "vault")]
    pub library_store: PathBuf,
    /// The stack to start with; none to read the manifest.
    pub snapshot: Option<Snapshot>,
    /// The number of the last generation.
    pub generation: u64,
    /// The number of the last reload.
    pub reloads: u64,
    /// Stacks that were rolled back: they are refused until they change.
    #[serde(rename = "avoid")]
    pub rejected: Vec<RejectedStack>,
    /// Quarantined libraries, each with its substitute.
    #[serde(rename = "instead")]
    pub substitutes: Vec<Substitute>,
    /// Of each listening socket, whether its connections begin with a header of the PROXY protocol: from a supervisor that
    /// knows nothing else of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxy_protocol: Vec<bool>,
    /// Of each listening socket, what its connections speak.
    #[serde(default)]
    pub protocols: Vec<ListenProtocols>,
    /// What the tickets of TLS sessions are encrypted with; without it no other worker reads this one's.
    #[serde(default)]
    pub tickets: Option<TicketSecret>,
    /// The certificates that served last, in place of those on the disk that can't be used. Empty for a worker that starts from the disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<KeptCertificates>,
    /// Its number; zero if the supervisor is too old to say.
    #[serde(default)]
    pub number: u32,
    /// Whether [`Event::Ready`] is answered with the store of the worker before it.
    #[serde(default)]
    pub handover: bool,
}

/// How plugins are built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOptions {
    /// In the release profile, unless another is named.
    pub release: bool,
    /// In this profile of cargo's.
    #[serde(default)]
    pub profile: Option<String>,
    /// Without showing progress.
    pub quiet: bool,
}

impl BuildOptions {
    /// The profile that they name.
    pub fn profile(&self) -> Profile {
        match &self.profile {
            Some(name) => Profile::named(name),
            None if self.release => Profile::release(),
            None => Profile::dev(),
        }
    }
}

/// A handler that has blocked its thread for longer than its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hang {
    /// The handler's name in the manifest.
    pub handler: String,
    /// Its plugin.
    pub plugin: String,
    /// Its library's fingerprint.
    pub fingerprint: String,
    /// The generation of the request.
    pub generation: u64,
    /// For how long it has blocked.
    pub seconds: f64,
}

/// What a worker sends to the supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It serves these certificates, for a worker after it.
    Certificates {
        /// Those of all listeners with `tls`.
        listeners: Vec<KeptCertificates>,
    },
    /// It has started and read its configuration.
    Hello {
        /// Its [`PROTOCOL`](super::PROTOCOL).
        protocol: u32,
        /// Its version.
        version: String,
        /// Whether it knows [`Command::Ping`].
        #[serde(default)]
        heartbeat: bool,
        /// Whether it knows [`Command::SaveStore`].
        #[serde(default)]
        handover: bool,
        /// Whether it knows [`Command::Data`].
        #[serde(default)]
        data_commands: bool,
    },
    /// It is alive: the answer to [`Command::Ping`].
    Pong,
    /// The first stack was refused; the worker exits.
    Failed {
        /// Why, as text for people.
        reason: String,
    },
    /// Its stack is ready. It accepts connections as soon as it has the store ([`WorkerConfig::handover`]).
    Ready,
    /// Its store is written, as [`Command::SaveStore`] asked.
    StoreSaved {
        /// Why it is not.
        error: Option<String>,
    },
    /// It accepts connections.
    Serving,
    /// This stack is active from now on.
    Active(Box<Snapshot>),
    /// It starts to build this candidate: if the worker dies now, the candidate is to blame.
    Trying {
        /// The candidate's [`Snapshot::state`]; none once the attempt is over.
        state: Option<String>,
    },
    /// The stack of this generation has passed its probation.
    Proven {
        /// The generation's number.
        generation: u64,
    },
    /// A reload has ended.
    Reloaded {
        /// The number of the command that asked for it, if one did.
        query: Option<u64>,
        /// Its result.
        record: Box<ReloadRecord>,
    },
    /// The answer to [`Command::Status`].
    Status {
        /// The number of the command.
        query: u64,
        /// This worker's part of `stackup status --json`.
        status: Value,
    },
    /// The answer to [`Command::Data`].
    DataReply {
        /// The number of the command.
        query: u64,
        /// Whether it is done.
        ok: bool,
        /// The result, or why it is not, as text for people.
        text: String,
        /// The result for programs.
        value: Value,
    },
    /// It starts no reload until [`Command::Resume`].
    Held,
    /// It accepts no more connections, and every one that it has accepted is its own to finish.
    Closed,
    /// It should be replaced: its budget is spent.
    Spent {
        /// Which budget, as text for people.
        reason: String,
    },
    /// It should be replaced: it can't load the stack on disk, but a fresh process may.
    Exhausted {
        /// Why it can't, as text for people.
        reason: String,
    },
    /// It should be replaced: new code may only be loaded by a fresh process.
    Renew {
        /// Which code and why, as text for people.
        reason: String,
    },
    /// It should be replaced: a handler holds one of its threads.
    Hung(Hang),
    /// About guests.
    Guest(GuestEvent),
    /// It shuts down without a command from the supervisor.
    Leaving {
        /// Why, as text for people.
        cause: String,
    },
}
