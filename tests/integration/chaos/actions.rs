//! What is done to a host.

use super::clients::{CLIENTS, ClientState};
use super::server::TestServer;

/// Something that happens to a host that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    GoodCode,
    Edit,
    HalfManifest,
    Truncated,
    BitsFlipped,
    /// A library that crashes the process when it is loaded.
    CrashOnLoad,
    CrashInInit,
    /// Each of these in one of the first requests that it gets.
    Segfault,
    Abort,
    Overflow,
    Exit,
    Hang,
    /// In every request.
    Panic,
    Kill,
    Renewal,
}

/// All there are, each after something good has happened.
pub(super) const ALL: [Action; 15] = [
    Action::GoodCode,
    Action::Segfault,
    Action::Edit,
    Action::Kill,
    Action::Truncated,
    Action::Abort,
    Action::HalfManifest,
    Action::CrashOnLoad,
    Action::Renewal,
    Action::Overflow,
    Action::CrashInInit,
    Action::Panic,
    Action::Exit,
    Action::BitsFlipped,
    Action::Hang,
];

impl Action {
    /// Does it, and waits until the host has dealt with it. `random` is a number of any size.
    pub(super) async fn run(self, server: &mut TestServer, clients: &ClientState, random: u64) {
        match self {
            Self::GoodCode => server.good_code(clients).await,
            Self::Edit => server.edit(false).await,
            Self::HalfManifest => server.edit(true).await,
            Self::Truncated => {
                let library = server.next_library(clients, "none", 0);
                let half = &library[..random as usize % library.len()];
                server.put_library(half);
                server.wait_for_outcome(&["refused"]).await;
                server.good_code(clients).await;
            }
            Self::BitsFlipped => {
                let mut library = server.next_library(clients, "none", 0);
                // In the headers: a bit of the code would make another program, not a damaged one.
                let at = random as usize % 0x200;
                library[at] ^= 1 << (random >> 32 & 7);
                server.put_library(&library);
                // Some bits there mean nothing.
                server.wait_for_outcome(&["refused", "swapped"]).await;
                server.good_code(clients).await;
            }
            Self::CrashOnLoad => refused(server, clients, "load").await,
            Self::CrashInInit => refused(server, clients, "init").await,
            Self::Segfault => crashes(server, clients, "segv", random).await,
            Self::Abort => crashes(server, clients, "abrt", random).await,
            Self::Overflow => crashes(server, clients, "over", random).await,
            Self::Exit => crashes(server, clients, "exit", random).await,
            Self::Hang => hangs(server, clients, random).await,
            Self::Panic => {
                clients.allow_failures(true);
                let library = server.next_library(clients, "pani", 0);
                server.put_library(&library);
                server.wait_for_outcome(&["swapped"]).await;
                server.host.event("breaker").await;
                server.good_code(clients).await;
            }
            Self::Kill => {
                server.wait_until_proven().await;
                server.kill().await;
                server.wait_for_good_code().await;
            }
            Self::Renewal => {
                server.restart().await;
                server.wait_for_good_code().await;
            }
        }
    }

    /// How many requests may be lost by it.
    pub(super) fn max_lost(self) -> u64 {
        match self {
            Self::Segfault | Self::Abort | Self::Overflow | Self::Exit | Self::Kill => CLIENTS,
            // It takes two hangs to be quarantined, and each holds a thread of its worker.
            Self::Hang => 2 * CLIENTS,
            _ => 0,
        }
    }
}

/// The probe finds out before it serves.
async fn refused(server: &mut TestServer, clients: &ClientState, fault: &str) {
    let library = server.next_library(clients, fault, 0);
    server.put_library(&library);
    server.wait_for_outcome(&["refused"]).await;
    server.good_code(clients).await;
}

/// It serves, crashes, and what served before serves again.
async fn crashes(server: &mut TestServer, clients: &ClientState, fault: &str, random: u64) {
    server.wait_until_proven().await;
    let library = server.next_library(clients, fault, 1 + random % 300);
    server.put_library(&library);
    let crash = server.host.event("crash").await;
    assert!(crash.text("message").contains("`faulty`"), "{crash}");
    server.next_worker().await;
    server.wait_for_good_code().await;
    server.good_code(clients).await;
}

/// It serves, hangs, hangs in the next worker as well, and is quarantined.
async fn hangs(server: &mut TestServer, clients: &ClientState, random: u64) {
    server.wait_until_proven().await;
    let library = server.next_library(clients, "hang", 1 + random % 300);
    server.put_library(&library);
    server.wait_for_outcome(&["swapped"]).await;
    server.next_worker().await;
    server.next_worker().await;
    server.wait_for_good_code().await;
    server.good_code(clients).await;
}
