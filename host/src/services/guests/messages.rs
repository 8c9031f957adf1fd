//! What worker and supervisor tell each other about guests.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stackup_plugin::GuestOptions;

/// What a worker tells the supervisor. Claims are numbered by the worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestEvent {
    /// It needs a guest: one that runs with these options, or else a new one.
    Wanted {
        /// The number of the claim.
        claim: u64,
        /// What to start; its directory is absolute.
        options: Box<GuestOptions>,
        /// The state of the files in its directory, where a change of them is another guest.
        files: Option<u64>,
        /// Claims of the same worker whose guests are not to be taken.
        except: Vec<u64>,
        /// Whether it wants the lines that the guest writes.
        #[serde(default)]
        lines: bool,
    },
    /// No request of this claim is left on a process that another one has replaced.
    Idle {
        /// The number of the claim.
        claim: u64,
        /// The process.
        process: u32,
    },
    /// It no longer needs the guest.
    Released {
        /// The number of the claim.
        claim: u64,
    },
}

/// What the supervisor tells a worker about the guest of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestState {
    /// New requests go to this process.
    Ready {
        /// Tells it apart.
        process: u32,
        /// Where it listens.
        address: GuestAddress,
    },
    /// No process is ready now; another one is started.
    Down {
        /// Why.
        reason: String,
    },
    /// It has written a line, which a claim has asked for.
    Said {
        /// The line.
        line: String,
    },
    /// The guest was never ready, and is given up.
    Failed {
        /// Why, with its last lines.
        reason: String,
    },
}

/// What `stackup status` shows of a worker's requests to a process of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuestRequests {
    /// The process.
    pub process: u32,
    /// Requests without an end of their response.
    pub in_flight: usize,
}

/// Where a guest listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestAddress {
    /// A unix socket.
    Socket(PathBuf),
    /// A port of 127.0.0.1.
    Port(u16),
}
