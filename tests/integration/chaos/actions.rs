//! Actions on a host.

use rustix::process::Signal;

use super::clients::{CLIENTS, ClientState};
use super::server::TestServer;

/// Something that happens to a serving host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    GoodCode,
    /// Of the WebSockets.
    SocketCode,
    Edit,
    HalfManifest,
    Truncated,
    BitsFlipped,
    /// A library that crashes the process when it is loaded.
    CrashOnLoad,
    CrashInInit,
    /// This and the next four: in one of the first requests.
    Segfault,
    Abort,
    Overflow,
    Exit,
    Hang,
    /// In every request.
    Panic,
    Kill,
    /// A signal stops the worker for good.
    Stop,
    /// It stops the worker, and continues it before it counts as silent.
    Pause,
    /// The disk of the private files is full during a change, and then no longer.
    FullDisk,
    /// The private files are removed, and then the worker is killed.
    FoldersRemoved,
    Renewal,
    /// The wall clock is set back by an hour, and then right again; a worker is killed after each.
    ClockJumps,
}

/// All actions in the order of the short form.
pub(super) const ALL: [Action; 21] = [
    Action::GoodCode,
    Action::SocketCode,
    Action::Segfault,
    Action::Edit,
    Action::Kill,
    Action::FullDisk,
    Action::Truncated,
    Action::Abort,
    Action::HalfManifest,
    Action::Stop,
    Action::CrashOnLoad,
    Action::Renewal,
    Action::Overflow,
    Action::FoldersRemoved,
    Action::CrashInInit,
    Action::Panic,
    Action::Exit,
    Action::Pause,
    Action::ClockJumps,
    Action::BitsFlipped,
    Action::Hang,
];

impl Action {
    /// Performs the action and waits until the host has recovered. `random` is any number.
    pub(super) async fn run(self, server: &mut TestServer, clients: &ClientState, random: u64) {
        match self {
            Self::GoodCode => server.good_code(clients).await,
            Self::SocketCode => server.socket_code().await,
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
                // In the headers: a bit in the code would change the program, not damage the file.
                let at = random as usize % 0x200;
                library[at] ^= 1 << (random >> 32 & 7);
                server.put_library(&library);
                // Some bits in the headers have no effect.
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
            Self::Stop => {
                server.wait_until_proven().await;
                server.signal(Signal::STOP);
                let crash = server.host.event("crash").await;
                let expected = "the worker was stopped from outside";
                assert!(crash.text("message").contains(expected), "{crash}");
                server.next_worker().await;
                server.wait_for_good_code().await;
            }
            Self::Pause => {
                server.signal(Signal::STOP);
                server.signal(Signal::CONT);
                server.wait_for_good_code().await;
            }
            Self::ClockJumps => server.clock_jumps(clients).await,
            Self::FullDisk => server.full_disk(clients).await,
            Self::FoldersRemoved => {
                server.wait_until_proven().await;
                server.remove_private_files();
                server.kill().await;
                server.wait_for_good_code().await;
                server.good_code(clients).await;
            }
            Self::Renewal => {
                server.restart().await;
                server.wait_for_good_code().await;
            }
        }
    }

    /// How many requests the action may lose.
    pub(super) fn max_lost(self) -> u64 {
        match self {
            Self::Segfault
            | Self::Abort
            | Self::Overflow
            | Self::Exit
            | Self::Kill
            | Self::Stop
            | Self::FoldersRemoved => CLIENTS,
            // The library is quarantined after two hangs, and each loses its worker's requests. By either clock a worker is killed.
            Self::Hang | Self::ClockJumps => 2 * CLIENTS,
            _ => 0,
        }
    }
}

/// A library that the probe refuses.
async fn refused(server: &mut TestServer, clients: &ClientState, fault: &str) {
    let library = server.next_library(clients, fault, 0);
    server.put_library(&library);
    server.wait_for_outcome(&["refused"]).await;
    server.good_code(clients).await;
}

/// A library that serves and crashes: the previous one serves again.
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

/// A library that serves, hangs in two workers and is quarantined.
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
