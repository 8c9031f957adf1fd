//! The walk from a library file to a private copy that is fit to load.
//!
//! Settle → fingerprint → trust → describe → runtime copy. Nothing of the library runs.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::compatibility::IncompatibleError;
use super::content::{Content, ReadError};
use super::describe::{DescribeError, describe_file};
use super::fingerprint::Fingerprint;
use super::metadata::Metadata;
use super::pin::{LockError, PinError, check_lock, check_pin};
use super::runtime_copy::{CopyError, RuntimeCopy};
use super::runtime_dir::RuntimeDir;
use super::settle::{FileStat, SettleError, SettleTimeouts, settle};
use super::trust::{Ids, Trust, TrustError, check_owners};

/// What is asked of a library file.
#[derive(Debug, Clone, Copy)]
pub struct Requirements<'a> {
    /// The fingerprint it must have, if one is pinned.
    pub pin: Option<Fingerprint>,
    /// The fingerprints of which it must have one, if libraries are locked.
    pub locked: Option<&'a [Fingerprint]>,
    /// Whose file it may be.
    pub trust: Trust,
    /// The version of stackup-plugin this host speaks.
    pub abi: &'a str,
    /// How long to wait for it to come to rest.
    pub patience: SettleTimeouts,
}

impl Requirements<'_> {
    /// Whether a library with this content may be loaded.
    ///
    /// # Errors
    ///
    /// When the pin or the lock is for another one.
    pub fn check_fingerprint(&self, content: Fingerprint) -> Result<(), Cause> {
        check_pin(self.pin, content)?;
        check_lock(self.locked, content)?;
        Ok(())
    }
}

/// A library that is fit to load.
#[derive(Debug)]
pub struct Prepared {
    /// The private copy.
    pub(super) copy: RuntimeCopy,
    /// The hash of its content.
    pub fingerprint: Fingerprint,
    /// The original, as it was when it was read.
    pub facts: FileStat,
    /// What it says of itself.
    pub metadata: Metadata,
    /// How long each stage took, in order.
    pub timings: Vec<(Stage, Duration)>,
}

/// A step of the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting until nobody writes the file.
    Settle,
    /// Reading, hashing and copying it in one, and comparing the pin.
    Fingerprint,
    /// Whose it is, and whether the lock has it.
    Trust,
    /// What it says of itself, and whether that fits.
    Describe,
    /// Giving the copy its name.
    RuntimeCopy,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settle => "settle",
            Self::Fingerprint => "fingerprint",
            Self::Trust => "trust",
            Self::Describe => "describe",
            Self::RuntimeCopy => "runtime copy",
        })
    }
}

/// A library that will not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is refused at {}: {cause}", cause.stage())]
pub struct PrepareError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: Cause,
}

/// Why a library will not be loaded.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the error of one stage")]
pub enum Cause {
    #[error(transparent)]
    Settle(#[from] SettleError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Describe(#[from] DescribeError),
    #[error(transparent)]
    IncompatibleError(#[from] IncompatibleError),
    #[error(transparent)]
    Copy(#[from] CopyError),
}

impl Cause {
    /// Where on the walk it happened.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Settle(_) => Stage::Settle,
            Self::Copy(_) | Self::Read(ReadError::Copy(_)) => Stage::RuntimeCopy,
            Self::Read(_) | Self::Pin(_) => Stage::Fingerprint,
            Self::Trust(_) | Self::Lock(_) => Stage::Trust,
            Self::Describe(_) | Self::IncompatibleError(_) => Stage::Describe,
        }
    }

    /// Whether it only means that the file was written meanwhile.
    fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Read(ReadError::Changed) | Self::Trust(TrustError::Replaced(_))
        )
    }
}

/// Walks the file at `path` to a copy in `dir` that is fit to load. Blocks.
///
/// # Errors
///
/// The first stage that refuses the file, and why.
pub fn prepare(
    path: &Path,
    demands: &Requirements<'_>,
    dir: &RuntimeDir,
) -> Result<Prepared, PrepareError> {
    walk(path, demands, dir).map_err(|cause| PrepareError {
        path: path.to_path_buf(),
        cause,
    })
}

/// The same for a file that is kept: what it holds is known, so it is not hashed again. Blocks.
///
/// # Errors
///
/// The first stage that refuses the file, and why.
pub(super) fn adopt(
    kept: &Path,
    fingerprint: Fingerprint,
    demands: &Requirements<'_>,
    dir: &RuntimeDir,
) -> Result<Prepared, PrepareError> {
    take_over(kept, fingerprint, demands, dir).map_err(|cause| PrepareError {
        path: kept.to_path_buf(),
        cause,
    })
}

fn take_over(
    kept: &Path,
    fingerprint: Fingerprint,
    demands: &Requirements<'_>,
    dir: &RuntimeDir,
) -> Result<Prepared, Cause> {
    let mut watch = Stopwatch::start();
    demands.check_fingerprint(fingerprint)?;
    let whole = File::open(kept).map_err(ReadError::from)?;
    let metadata = describe_file(&whole)?;
    metadata.check_compatibility(demands.abi)?;
    watch.lap(Stage::Describe);
    let path = dir.link(kept)?;
    watch.lap(Stage::RuntimeCopy);
    let facts = FileStat::of(&whole.metadata().map_err(ReadError::from)?);
    let copy = RuntimeCopy { path, whole };
    Ok(Prepared {
        copy,
        fingerprint,
        facts,
        metadata,
        timings: watch.laps,
    })
}

fn walk(path: &Path, demands: &Requirements<'_>, dir: &RuntimeDir) -> Result<Prepared, Cause> {
    let mut watch = Stopwatch::start();
    let content = read_trusted(path, demands, dir, &mut watch)?;
    let metadata = describe_file(content.draft.file())?;
    metadata.check_compatibility(demands.abi)?;
    watch.lap(Stage::Describe);
    let copy = content.draft.keep(&metadata.name, content.fingerprint)?;
    watch.lap(Stage::RuntimeCopy);
    Ok(Prepared {
        copy,
        fingerprint: content.fingerprint,
        facts: content.facts,
        metadata,
        timings: watch.laps,
    })
}

/// Settles, reads and judges, again and again while somebody writes in between, within one deadline.
fn read_trusted(
    path: &Path,
    demands: &Requirements<'_>,
    dir: &RuntimeDir,
    watch: &mut Stopwatch,
) -> Result<Content, Cause> {
    let patience = demands.patience;
    let end = Instant::now() + patience.deadline;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let facts = settle(
            path,
            SettleTimeouts {
                deadline: left,
                ..patience
            },
        )?;
        watch.lap(Stage::Settle);
        match read(path, facts, demands, dir, watch) {
            Err(cause) if !cause.is_passing() => return Err(cause),
            Err(_) if Instant::now() >= end => {
                return Err(SettleError::StillChanging(patience.deadline).into());
            }
            Err(_) => {}
            Ok(content) => return Ok(content),
        }
    }
}

fn read(
    path: &Path,
    facts: FileStat,
    demands: &Requirements<'_>,
    dir: &RuntimeDir,
    watch: &mut Stopwatch,
) -> Result<Content, Cause> {
    let content = Content::read(path, facts, dir)?;
    demands.check_fingerprint(content.fingerprint)?;
    watch.lap(Stage::Fingerprint);
    if demands.trust == Trust::Owner {
        check_owners(path, content.facts, Ids::of_this_process())?;
    }
    watch.lap(Stage::Trust);
    Ok(content)
}

struct Stopwatch {
    last: Instant,
    laps: Vec<(Stage, Duration)>,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            last: Instant::now(),
            laps: Vec::new(),
        }
    }

    /// Books the time since the last lap; a stage that is repeated is one stage.
    fn lap(&mut self, stage: Stage) {
        let took = self.last.elapsed();
        self.last += took;
        match self.laps.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, sum)) => *sum += took,
            None => self.laps.push((stage, took)),
        }
    }
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
