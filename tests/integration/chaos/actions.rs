//! What is done to a host.

use super::clients::{Book, CLIENTS};
use super::server::Stage;

/// Something that happens to a host that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
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
pub(super) const ALL: [Deed; 15] = [
    Deed::GoodCode,
    Deed::Segfault,
    Deed::Edit,
    Deed::Kill,
    Deed::Truncated,
    Deed::Abort,
    Deed::HalfManifest,
    Deed::CrashOnLoad,
    Deed::Renewal,
    Deed::Overflow,
    Deed::CrashInInit,
    Deed::Panic,
    Deed::Exit,
    Deed::BitsFlipped,
    Deed::Hang,
];

impl Deed {
    /// Does it, and waits until the host has dealt with it. `chance` is a number of any size.
    pub(super) async fn happen(self, stage: &mut Stage, book: &Book, chance: u64) {
        match self {
            Self::GoodCode => stage.good_code(book).await,
            Self::Edit => stage.edit(false).await,
            Self::HalfManifest => stage.edit(true).await,
            Self::Truncated => {
                let library = stage.next(book, "none", 0);
                let half = &library[..chance as usize % library.len()];
                stage.place(half);
                stage.outcome(&["refused"]).await;
                stage.good_code(book).await;
            }
            Self::BitsFlipped => {
                let mut library = stage.next(book, "none", 0);
                // In the headers: a bit of the code would make another program, not a damaged one.
                let at = chance as usize % 0x200;
                library[at] ^= 1 << (chance >> 32 & 7);
                stage.place(&library);
                // Some bits there mean nothing.
                stage.outcome(&["refused", "swapped"]).await;
                stage.good_code(book).await;
            }
            Self::CrashOnLoad => refused(stage, book, "load").await,
            Self::CrashInInit => refused(stage, book, "init").await,
            Self::Segfault => crashes(stage, book, "segv", chance).await,
            Self::Abort => crashes(stage, book, "abrt", chance).await,
            Self::Overflow => crashes(stage, book, "over", chance).await,
            Self::Exit => crashes(stage, book, "exit", chance).await,
            Self::Hang => hangs(stage, book, chance).await,
            Self::Panic => {
                book.panics(true);
                let library = stage.next(book, "pani", 0);
                stage.place(&library);
                stage.outcome(&["swapped"]).await;
                stage.host.event("breaker").await;
                stage.good_code(book).await;
            }
            Self::Kill => {
                stage.proven().await;
                stage.kill().await;
                stage.serves_good().await;
            }
            Self::Renewal => {
                stage.restart().await;
                stage.serves_good().await;
            }
        }
    }

    /// How many requests may be lost by it.
    pub(super) fn may_lose(self) -> u64 {
        match self {
            Self::Segfault | Self::Abort | Self::Overflow | Self::Exit | Self::Kill => CLIENTS,
            // It takes two hangs to be quarantined, and each holds a thread of its worker.
            Self::Hang => 2 * CLIENTS,
            _ => 0,
        }
    }
}

/// The probe finds out before it serves.
async fn refused(stage: &mut Stage, book: &Book, fault: &str) {
    let library = stage.next(book, fault, 0);
    stage.place(&library);
    stage.outcome(&["refused"]).await;
    stage.good_code(book).await;
}

/// It serves, crashes, and what served before serves again.
async fn crashes(stage: &mut Stage, book: &Book, fault: &str, chance: u64) {
    stage.proven().await;
    let library = stage.next(book, fault, 1 + chance % 300);
    stage.place(&library);
    let crash = stage.host.event("crash").await;
    assert!(crash.text("message").contains("`faulty`"), "{crash}");
    stage.next_worker().await;
    stage.serves_good().await;
    stage.good_code(book).await;
}

/// It serves, hangs, hangs in the next worker as well, and is quarantined.
async fn hangs(stage: &mut Stage, book: &Book, chance: u64) {
    stage.proven().await;
    let library = stage.next(book, "hang", 1 + chance % 300);
    stage.place(&library);
    stage.outcome(&["swapped"]).await;
    stage.next_worker().await;
    stage.next_worker().await;
    stage.serves_good().await;
    stage.good_code(book).await;
}
