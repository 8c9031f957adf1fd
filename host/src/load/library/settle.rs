//! Waiting until nobody is writing a file any more.
//!
//! cargo, a linker and `cp` all leave a library half written, or absent, for a moment. [`Settle`]
//! decides, from what was seen and when, whether to look again; [`settle`] does the looking.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often to look for a file that is absent. cargo's output is gone for about a millisecond.
const ABSENT_INTERVAL: Duration = Duration::from_millis(1);

/// How long a file must rest, and how long to wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleTimeouts {
    /// A file unchanged for this long is settled. One whose mtime is older passes at once.
    pub quiet: Duration,
    /// After this long without quiet, give up.
    pub deadline: Duration,
}

impl Default for SettleTimeouts {
    /// 10 ms of quiet, within 2 s.
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(10),
            deadline: Duration::from_secs(2),
        }
    }
}

/// What a regular file looked like at one moment. Two equal ones mean nobody wrote in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Device and inode: which file this is.
    pub inode: (u64, u64),
    /// Length in bytes.
    pub len: u64,
    /// When the content last changed.
    pub mtime: SystemTime,
}

impl FileStat {
    /// Takes the facts out of a `stat`.
    #[must_use]
    pub fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            len: metadata.len(),
            mtime: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

/// What a path led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// A regular file.
    File(FileStat),
    /// Nothing, or a symbolic link to nothing.
    Absent,
    /// Something that can't be a library, such as a directory.
    NotAFile,
}

/// The two clocks a decision needs.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// Measures waiting.
    pub clock: Instant,
    /// Compared with mtimes.
    pub wall: SystemTime,
}

impl Clocks {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        Self {
            clock: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

/// What to do after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Look again at this time.
    Wait(Instant),
    /// Nobody is writing it.
    Ready(FileStat),
    /// It will not settle.
    GiveUp(SettleFailure),
}

/// Why a file did not settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleFailure {
    /// It was never there.
    Missing,
    /// It was there, went away and did not come back.
    Vanished,
    /// It did not rest before the deadline.
    StillChanging,
    /// It is a directory, a device or a socket.
    NotAFile,
    /// It holds nothing, and nobody is filling it.
    Empty,
}

/// Decides, look by look, whether a file has settled. Knows no file and no clock.
#[derive(Debug, Clone)]
pub struct Settle {
    patience: SettleTimeouts,
    deadline: Instant,
    changed: Instant,
    last: Option<FileStat>,
}

impl Settle {
    /// Starts waiting.
    #[must_use]
    pub fn new(patience: SettleTimeouts, start: Instant) -> Self {
        Self {
            patience,
            deadline: start + patience.deadline,
            changed: start,
            last: None,
        }
    }

    /// Judges one look at the file.
    pub fn see(&mut self, sight: Observation, now: Clocks) -> Decision {
        let facts = match sight {
            Observation::File(facts) => facts,
            Observation::Absent if self.last.is_some() => {
                self.changed = now.clock;
                return self.wait(now.clock + ABSENT_INTERVAL, now, SettleFailure::Vanished);
            }
            Observation::Absent => {
                return self.wait(now.clock + ABSENT_INTERVAL, now, SettleFailure::Missing);
            }
            Observation::NotAFile => return Decision::GiveUp(SettleFailure::NotAFile),
        };
        if self.last.replace(facts) != Some(facts) {
            self.changed = now.clock;
        }
        // An mtime in the future says nothing: then only what we saw ourselves counts.
        let untouched = now.wall.duration_since(facts.mtime).unwrap_or_default();
        if facts.len == 0 {
            // A linker creates its output first and fills it much later: be patient with a new one.
            if untouched >= self.patience.deadline {
                return Decision::GiveUp(SettleFailure::Empty);
            }
            return self.wait(now.clock + self.patience.quiet, now, SettleFailure::Empty);
        }
        let watched = now.clock.saturating_duration_since(self.changed);
        let rest = watched.max(untouched);
        if rest >= self.patience.quiet {
            return Decision::Ready(facts);
        }
        self.wait(
            now.clock + (self.patience.quiet - rest),
            now,
            SettleFailure::StillChanging,
        )
    }

    fn wait(&self, until: Instant, now: Clocks, otherwise: SettleFailure) -> Decision {
        if now.clock >= self.deadline {
            return Decision::GiveUp(otherwise);
        }
        Decision::Wait(until.min(self.deadline))
    }
}

/// A file that did not settle.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Nothing is at the path.
    #[error("there is no such file: build the plugin, or correct the path")]
    Missing,
    /// It went away while we looked.
    #[error("the file went away and did not come back within {0:?}: did its build fail?")]
    Vanished(Duration),
    /// Something keeps writing it.
    #[error("the file is still changing after {0:?}: save it again when its build or copy is over")]
    StillChanging(Duration),
    /// Not something to load.
    #[error("this is not a regular file: name the library file itself")]
    NotAFile,
    /// Nothing in it.
    #[error("the file is empty: build or copy it again")]
    Empty,
    /// The system refused to look.
    #[error("the file can't be looked at: {0}")]
    Io(#[source] io::Error),
}

/// Waits until the file at `path` has come to rest, and says what it was then.
///
/// Blocks; costs one `stat` when the file is older than the quiet time. Symbolic links are followed
/// anew at each look.
///
/// # Errors
///
/// When the file does not come to rest in time, or is no regular file with content.
pub fn settle(path: &Path, patience: SettleTimeouts) -> Result<FileStat, SettleError> {
    let mut policy = Settle::new(patience, Instant::now());
    loop {
        let sight = look(path).map_err(SettleError::Io)?;
        match policy.see(sight, Clocks::read()) {
            Decision::Ready(facts) => return Ok(facts),
            Decision::Wait(until) => {
                thread::sleep(until.saturating_duration_since(Instant::now()));
            }
            Decision::GiveUp(why) => return Err(why.after(patience.deadline)),
        }
    }
}

impl SettleFailure {
    fn after(self, deadline: Duration) -> SettleError {
        match self {
            Self::Missing => SettleError::Missing,
            Self::Vanished => SettleError::Vanished(deadline),
            Self::StillChanging => SettleError::StillChanging(deadline),
            Self::NotAFile => SettleError::NotAFile,
            Self::Empty => SettleError::Empty,
        }
    }
}

fn look(path: &Path) -> io::Result<Observation> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Observation::File(FileStat::of(&metadata))),
        Ok(_) => Ok(Observation::NotAFile),
        // `NotADirectory`: a directory on the way is being replaced by something else.
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Observation::Absent)
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
