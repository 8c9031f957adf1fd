//! Reports each change of a set of files and trees once.
//!
//! It does not know what the files are for. A thread watches every directory that a path leads through, links
//! included, and every directory of the trees. After an event it resolves the paths again, walks the trees and
//! compares.

mod debounce;
mod dir_watcher;
mod identity;
mod interest;
mod pending;
mod tree;
mod watch_loop;
mod watch_set;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc as tokio_mpsc;

pub use self::debounce::Debounce;
use self::dir_watcher::DirWatcher;
pub use self::interest::{Interest, Tree};
pub use self::pending::PendingChanges;
pub(crate) use self::tree::{files_of, state_of_files};
use self::watch_loop::{Message, WatchLoop};

/// When to check and when to report.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Report after this long without an event.
    pub quiet: Duration,
    /// Report this long after the first event, even if more events come.
    pub limit: Duration,
    /// Check this often where the system reports no events: network file systems, no inotify watches left.
    pub poll: Duration,
    /// Check this often elsewhere, in case an event was lost.
    pub heartbeat: Duration,
}

impl Default for Timing {
    /// 5 ms of quiet, at most 100 ms; a check every 250 ms without events, every 2 s with them.
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(5),
            limit: Duration::from_millis(100),
            poll: Duration::from_millis(250),
            heartbeat: Duration::from_secs(2),
        }
    }
}

/// Files that were written, created or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// Sorted: files as they were named to [`Watcher::set`], or their paths in a tree.
    pub paths: Vec<PathBuf>,
    /// When the first of them was noticed.
    pub first: Instant,
}

/// Watches a set of files until dropped.
#[derive(Debug)]
pub struct Watcher {
    messages: Sender<Message>,
}

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system starts no thread.
    #[error("cannot start the thread that watches files: {0}")]
    Thread(#[source] io::Error),
    /// Relative paths need a current directory.
    #[error("cannot read the current directory: {0}\nhelp: use absolute paths")]
    NotAbsolute(#[source] io::Error),
    /// The thread has ended.
    #[error("files are no longer watched: the receiver of changes was dropped")]
    Ended,
}

impl Watcher {
    /// Starts with an empty set; see [`Watcher::set`]. The receiver yields the changes.
    ///
    /// Changes that are not received yet are merged into one.
    ///
    /// # Errors
    ///
    /// When no thread can be started. A system without change events is no error: the files are polled, with a
    /// warning.
    pub fn new(timing: Timing) -> Result<(Self, tokio_mpsc::Receiver<ChangeSet>), WatchError> {
        let (messages, inbox) = mpsc::channel();
        let events = messages.clone();
        // Fails only when the thread has ended.
        let dir_watcher = DirWatcher::open(move |event| drop(events.send(Message::Event(event))));
        Self::start(timing, dir_watcher, messages, inbox)
    }

    /// As [`Watcher::new`], but without events: checks the files every `timing.poll`.
    ///
    /// # Errors
    ///
    /// As [`Watcher::new`].
    pub fn polling(timing: Timing) -> Result<(Self, tokio_mpsc::Receiver<ChangeSet>), WatchError> {
        let (messages, inbox) = mpsc::channel();
        Self::start(timing, DirWatcher::disabled(), messages, inbox)
    }

    /// Watches exactly this from now on. Files, trees and their directories may be absent.
    ///
    /// Every change after this returns is reported: set first, then read. Blocks while it reads the metadata of the
    /// files and walks the trees.
    ///
    /// # Errors
    ///
    /// When the receiver was dropped, or a path is relative and the current directory is gone.
    pub fn set(&self, interest: Interest) -> Result<(), WatchError> {
        let (done, answer) = mpsc::channel();
        self.messages
            .send(Message::Set(interest, done))
            .map_err(|_| WatchError::Ended)?;
        answer
            .recv()
            .map_err(|_| WatchError::Ended)?
            .map_err(WatchError::NotAbsolute)
    }

    fn start(
        timing: Timing,
        dir_watcher: DirWatcher,
        messages: Sender<Message>,
        inbox: mpsc::Receiver<Message>,
    ) -> Result<(Self, tokio_mpsc::Receiver<ChangeSet>), WatchError> {
        let (reports, receiver) = tokio_mpsc::channel(1);
        let watch_loop = WatchLoop::new(timing, dir_watcher, reports);
        let thread = thread::Builder::new().name("watch".to_owned());
        thread
            .spawn(move || watch_loop.run(&inbox))
            .map_err(WatchError::Thread)?;
        Ok((Self { messages }, receiver))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The event callback holds a sender, so the channel never closes by itself.
        drop(self.messages.send(Message::Stop));
    }
}

#[cfg(test)]
mod tests;
