//! Waits until a file is no longer being written.
//!
//! cargo, linkers and `cp` leave a library incomplete, or absent, for a moment. [`Settle`] decides from
//! the observations whether to look again; [`settle`] does the looking.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often to look for an absent file. cargo's output is absent for about a millisecond.
const ABSENT_INTERVAL: Duration = Duration::from_millis(1);

/// How long a file must be unchanged, and how long to wait for that.
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

/// The `stat` of a regular file. Two equal ones mean that the file was not written in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Device and inode: the file's identity.
    pub inode: (u64, u64),
    /// Length in bytes.
    pub len: u64,
    /// When the content was last modified. Programs may set it: `cp -p` to an old time, Nix to 1.
    pub mtime: SystemTime,
    /// When the content or the attributes were last changed. Only the system sets it.
    pub ctime: SystemTime,
}

impl FileStat {
    /// Extracts it from the metadata.
    #[must_use]
    pub fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            len: metadata.len(),
            mtime: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            ctime: SystemTime::UNIX_EPOCH + ctime(metadata),
        }
    }

    /// How long ago it was changed, if that is not in the future.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        let changed = self.mtime.max(self.ctime);
        now.duration_since(changed).unwrap_or_default()
    }

    /// Whether it is the same file with the same content. Links and permissions may differ.
    pub(crate) fn has_content_of(&self, other: &Self) -> bool {
        (self.inode, self.len, self.mtime) == (other.inode, other.len, other.mtime)
    }
}

fn ctime(metadata: &fs::Metadata) -> Duration {
    let seconds = u64::try_from(metadata.ctime()).unwrap_or_default();
    let nanoseconds = u32::try_from(metadata.ctime_nsec()).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// A regular file.
    File(FileStat),
    /// Nothing, or a dangling symbolic link.
    Absent,
    /// Something that can't be a library, such as a directory.
    NotAFile,
}

/// The time by the two clocks that a decision needs.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// For measuring waits.
    pub clock: Instant,
    /// For comparing with modification times.
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

/// What to do after an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Look again at this time.
    Wait(Instant),
    /// The file has settled.
    Ready(FileStat),
    /// The file will not settle.
    GiveUp(SettleFailure),
}

/// Why a file did not settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleFailure {
    /// It never existed.
    Missing,
    /// It was removed and did not come back.
    Vanished,
    /// It kept changing until the deadline.
    StillChanging,
    /// It is a directory, a device or a socket.
    NotAFile,
    /// It is empty and is not being written.
    Empty,
}

/// Decides, observation by observation, whether a file has settled. Uses no file and no clock itself.
#[derive(Debug, Clone)]
pub struct Settle {
    timeouts: SettleTimeouts,
    deadline: Instant,
    changed: Instant,
    last: Option<FileStat>,
}

impl Settle {
    /// Starts waiting.
    #[must_use]
    pub fn new(timeouts: SettleTimeouts, start: Instant) -> Self {
        Self {
            timeouts,
            deadline: start + timeouts.deadline,
            changed: start,
            last: None,
        }
    }

    /// Decides after one observation.
    pub fn observe(&mut self, observation: Observation, now: Clocks) -> Decision {
        let stat = match observation {
            Observation::File(stat) => stat,
            Observation::Absent if self.last.is_some() => {
                self.changed = now.clock;
                return self.wait(now.clock + ABSENT_INTERVAL, now, SettleFailure::Vanished);
            }
            Observation::Absent => {
                return self.wait(now.clock + ABSENT_INTERVAL, now, SettleFailure::Missing);
            }
            Observation::NotAFile => return Decision::GiveUp(SettleFailure::NotAFile),
        };
        if self.last.replace(stat) != Some(stat) {
            self.changed = now.clock;
        }
        // A modification time in the future means nothing: then only our own observations count.
        let untouched = now.wall.duration_since(stat.mtime).unwrap_or_default();
        if stat.len == 0 {
            // A linker creates its output long before it writes it: keep waiting while the file is new.
            if untouched >= self.timeouts.deadline {
                return Decision::GiveUp(SettleFailure::Empty);
            }
            return self.wait(now.clock + self.timeouts.quiet, now, SettleFailure::Empty);
        }
        let watched = now.clock.saturating_duration_since(self.changed);
        let rest = watched.max(untouched);
        if rest >= self.timeouts.quiet {
            return Decision::Ready(stat);
        }
        self.wait(
            now.clock + (self.timeouts.quiet - rest),
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
    /// It was removed while we waited.
    #[error("the file was removed and did not come back within {0:?}: did its build fail?")]
    Vanished(Duration),
    /// It is still being written.
    #[error(
        "the file is still changing after {0:?}: save it again when its build or copy has finished"
    )]
    StillChanging(Duration),
    /// A directory, a device or a socket.
    #[error("this is not a regular file: name the library file itself")]
    NotAFile,
    /// It is empty.
    #[error("the file is empty: build or copy it again")]
    Empty,
    /// The `stat` failed.
    #[error("failed to inspect the file: {0}")]
    Io(#[source] io::Error),
}

/// Waits until the file at `path` has settled, and returns its `stat`.
///
/// Blocks; costs one `stat` if the file is older than the quiet time. Each look follows symbolic links
/// again.
///
/// # Errors
///
/// When the file does not settle in time, or is not a regular file with content.
pub fn settle(path: &Path, timeouts: SettleTimeouts) -> Result<FileStat, SettleError> {
    let mut policy = Settle::new(timeouts, Instant::now());
    loop {
        let observation = look(path).map_err(SettleError::Io)?;
        match policy.observe(observation, Clocks::read()) {
            Decision::Ready(stat) => return Ok(stat),
            Decision::Wait(until) => {
                thread::sleep(until.saturating_duration_since(Instant::now()));
            }
            Decision::GiveUp(why) => return Err(why.after(timeouts.deadline)),
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
        // `NotADirectory`: a directory of the path is being replaced by something else.
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
