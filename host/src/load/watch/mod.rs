//! Which paths changed, told once.
//!
//! Knows nothing of what the files are for. A thread listens to every directory a path leads
//! through, links included, and to those of whole trees; after an event it follows the paths anew,
//! walks the trees, and compares.

mod debounce;
mod dir_watcher;
mod identity;
mod interest;
mod pending;
mod resolved_path;
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
use self::dir_watcher::Ears;
pub use self::interest::{Interest, Tree};
pub use self::pending::Pending;
pub(crate) use self::resolved_path::{Route, absolute};
use self::watch_loop::{Message, Run};

/// When to report.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Report after this long without an event.
    pub quiet: Duration,
    /// Report this long after the first event even if they go on.
    pub limit: Duration,
    /// Look this often where the system reports nothing: on a network, for want of watches.
    pub poll: Duration,
    /// Look this often where it does, for what it missed.
    pub heartbeat: Duration,
}

impl Default for Rhythm {
    /// 5 ms of quiet, at most 100 ms; a look each 250 ms where deaf, each 2 s where not.
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(5),
            limit: Duration::from_millis(100),
            poll: Duration::from_millis(250),
            heartbeat: Duration::from_secs(2),
        }
    }
}

/// Files that changed, appeared or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Which, sorted: as they were named to [`Watch::set`], or where they are in a tree.
    pub paths: Vec<PathBuf>,
    /// When the first of it was noticed.
    pub first: Instant,
}

/// Watches a set of files until dropped.
#[derive(Debug)]
pub struct Watch {
    messages: Sender<Message>,
}

/// Files that can't be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// No thread for it.
    #[error("no thread could be started to watch files: {0}")]
    Thread(#[source] io::Error),
    /// Relative paths need a current directory.
    #[error("the current directory is not known, so name files absolutely: {0}")]
    NotAbsolute(#[source] io::Error),
    /// The thread ended.
    #[error("the files are no longer watched: the receiver of their changes was dropped")]
    Ended,
}

impl Watch {
    /// Starts watching nothing; see [`Watch::set`]. Changes come out of the receiver.
    ///
    /// While nobody receives, changes gather into one.
    ///
    /// # Errors
    ///
    /// When no thread can be started. A system that reports no changes is no error: then the files
    /// are looked at now and then, with a warning.
    pub fn new(rhythm: Rhythm) -> Result<(Self, tokio_mpsc::Receiver<Changed>), WatchError> {
        let (messages, inbox) = mpsc::channel();
        let events = messages.clone();
        // Fails only when the thread has ended; then nobody cares.
        let ears = Ears::open(move |event| drop(events.send(Message::Event(event))));
        Self::start(rhythm, ears, messages, inbox)
    }

    /// As [`Watch::new`], but without the system's help: looks at the files each `rhythm.poll`.
    ///
    /// # Errors
    ///
    /// As [`Watch::new`].
    pub fn polling(rhythm: Rhythm) -> Result<(Self, tokio_mpsc::Receiver<Changed>), WatchError> {
        let (messages, inbox) = mpsc::channel();
        Self::start(rhythm, Ears::deaf(), messages, inbox)
    }

    /// Watches exactly this from now on. Files, trees, and the directories they are in, may be
    /// absent.
    ///
    /// Once this returns, every change is reported: set first, then read. Blocks for the time that a few
    /// `stat`s, and a walk through the trees, take.
    ///
    /// # Errors
    ///
    /// When the receiver was dropped, or a path is relative to a directory that is gone.
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
        rhythm: Rhythm,
        ears: Ears,
        messages: Sender<Message>,
        inbox: mpsc::Receiver<Message>,
    ) -> Result<(Self, tokio_mpsc::Receiver<Changed>), WatchError> {
        let (reports, receiver) = tokio_mpsc::channel(1);
        let run = Run::new(rhythm, ears, reports);
        let thread = thread::Builder::new().name("watch".to_owned());
        thread
            .spawn(move || run.until_stopped(&inbox))
            .map_err(WatchError::Thread)?;
        Ok((Self { messages }, receiver))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The thread's own watcher holds a sender, so it would not see the channel close.
        drop(self.messages.send(Message::Stop));
    }
}

#[cfg(test)]
mod tests;
