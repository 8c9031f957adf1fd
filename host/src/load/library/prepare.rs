//! The steps from a library file to a private copy that is ready to load.
//!
//! Settle → fingerprint → trust → describe → runtime copy. None of the library's code runs.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use checked_file::Trust;

use super::compatibility::IncompatibleError;
use super::content::{Content, ReadError};
use super::describe::{DescribeError, describe_file};
use super::fingerprint::Fingerprint;
use super::metadata::Metadata;
use super::pin::{LockError, PinError, check_lock, check_pin};
use super::runtime_copy::{CopyError, RuntimeCopy};
use super::runtime_dir::{RuntimeDir, RuntimeDirError};
use super::search_path::check_search_path;
use super::settle::{FileStat, SettleError, SettleTimeouts, settle};
use super::trust::{TrustError, check_owners};

/// The requirements for a library file.
#[derive(Debug, Clone, Copy)]
pub struct Requirements<'a> {
    /// Its pinned fingerprint, if there is one.
    pub pin: Option<Fingerprint>,
    /// The allowed fingerprints, if libraries are locked.
    pub locked: Option<&'a [Fingerprint]>,
    /// Who may own and write it.
    pub trust: Trust,
    /// The ABI version of this host.
    pub abi: &'a str,
    /// How long to wait until it settles.
    pub settle: SettleTimeouts,
}

impl Requirements<'_> {
    /// Checks that a library with this content may be loaded.
    ///
    /// # Errors
    ///
    /// When it does not match the pin or the lock.
    pub fn check_fingerprint(&self, content: Fingerprint) -> Result<(), Cause> {
        check_pin(self.pin, content)?;
        check_lock(self.locked, content)?;
        Ok(())
    }
}

/// A library that is ready to load.
#[derive(Debug)]
pub struct Prepared {
    /// The private copy.
    pub(super) copy: RuntimeCopy,
    /// The hash of its content.
    pub fingerprint: Fingerprint,
    /// The original file, at the time it was read.
    pub stat: FileStat,
    /// Its metadata.
    pub metadata: Metadata,
    /// How long each stage took, in order.
    pub timings: Vec<(Stage, Duration)>,
}

/// A stage of [`prepare`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting until the file is no longer written.
    Settle,
    /// Reading, hashing and copying it in one pass, and checking the pin.
    Fingerprint,
    /// Checking its owner, its permissions and the lock.
    Trust,
    /// Reading its metadata and checking compatibility.
    Describe,
    /// Naming the copy.
    RuntimeCopy,
    /// Replacing a saved copy that is lost.
    Restore,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settle => "settle",
            Self::Fingerprint => "fingerprint",
            Self::Trust => "trust",
            Self::Describe => "describe",
            Self::RuntimeCopy => "runtime copy",
            Self::Restore => "restore",
        })
    }
}

/// A library that was refused.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is refused at {}: {cause}", cause.stage())]
pub struct PrepareError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: Cause,
}

/// A saved library whose copy is lost, and whose file can't replace it.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file has other content.
    #[error("its saved copy is lost, and the file has other content (sha256 {0})")]
    OtherContent(Fingerprint),
    /// The file is refused as well.
    #[error("its saved copy is lost, and the file can't replace it: {0}")]
    Refused(Box<Cause>),
}

/// Why a library was refused.
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
    Incompatible(#[from] IncompatibleError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    RuntimeDir(#[from] RuntimeDirError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

impl Cause {
    /// The stage that failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Settle(_) => Stage::Settle,
            Self::Copy(_) | Self::RuntimeDir(_) | Self::Read(ReadError::Copy(_)) => {
                Stage::RuntimeCopy
            }
            Self::Restore(_) => Stage::Restore,
            Self::Read(_) | Self::Pin(_) => Stage::Fingerprint,
            Self::Trust(_) | Self::Lock(_) => Stage::Trust,
            Self::Describe(_) | Self::Incompatible(_) => Stage::Describe,
        }
    }

    /// Whether the cause is only that the file was being written.
    fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Read(ReadError::Changed) | Self::Trust(TrustError::Replaced(_))
        )
    }
}

/// Takes the file at `path` through all stages to a copy in `dir` that is ready to load. Blocks.
///
/// # Errors
///
/// The first stage that refuses the file, and the reason.
pub fn prepare(
    path: &Path,
    requirements: &Requirements<'_>,
    dir: &RuntimeDir,
) -> Result<Prepared, PrepareError> {
    try_prepare(path, requirements, dir).map_err(|cause| PrepareError {
        path: path.to_path_buf(),
        cause,
    })
}

/// The same for a `saved` copy with a known content. If it is lost or damaged, the `file` that it
/// came from replaces it, provided that it still has the same content. Blocks.
///
/// # Errors
///
/// The first stage that refuses the file, and the reason.
pub(super) fn prepare_saved(
    saved: &Path,
    file: &Path,
    fingerprint: Fingerprint,
    requirements: &Requirements<'_>,
    dir: &RuntimeDir,
) -> Result<Prepared, PrepareError> {
    let refused = |path: &Path, cause| PrepareError {
        path: path.to_path_buf(),
        cause,
    };
    match try_prepare_saved(saved, fingerprint, requirements, dir) {
        Err(Cause::Read(_) | Cause::Describe(_)) => {
            let prepared = replace_saved(file, fingerprint, requirements, dir);
            prepared.map_err(|error| refused(file, error.into()))
        }
        prepared => prepared.map_err(|cause| refused(saved, cause)),
    }
}

fn replace_saved(
    file: &Path,
    fingerprint: Fingerprint,
    requirements: &Requirements<'_>,
    dir: &RuntimeDir,
) -> Result<Prepared, RestoreError> {
    let prepared = try_prepare(file, requirements, dir)
        .map_err(|cause| RestoreError::Refused(Box::new(cause)))?;
    if prepared.fingerprint != fingerprint {
        // Nothing uses it.
        let _ = fs::remove_file(&prepared.copy.path);
        return Err(RestoreError::OtherContent(prepared.fingerprint));
    }
    tracing::warn!(
        "the saved copy of `{}` is lost; the file has the same content and replaces it",
        file.display()
    );
    Ok(prepared)
}

fn try_prepare_saved(
    saved: &Path,
    fingerprint: Fingerprint,
    requirements: &Requirements<'_>,
    dir: &RuntimeDir,
) -> Result<Prepared, Cause> {
    let mut watch = Stopwatch::start();
    requirements.check_fingerprint(fingerprint)?;
    let full = checked_file::open(saved).map_err(|error| ReadError::from(error.into_io()))?;
    if Fingerprint::of_file(&full).map_err(ReadError::from)? != fingerprint {
        return Err(ReadError::Changed.into());
    }
    watch.lap(Stage::Fingerprint);
    let metadata = describe_file(&full)?;
    metadata.check_compatibility(requirements.abi)?;
    watch.lap(Stage::Describe);
    let path = dir.link(saved)?;
    watch.lap(Stage::RuntimeCopy);
    let stat = FileStat::of(&full.metadata().map_err(ReadError::from)?);
    let copy = RuntimeCopy { path, full };
    Ok(Prepared {
        copy,
        fingerprint,
        stat,
        metadata,
        timings: watch.laps,
    })
}

fn try_prepare(
    path: &Path,
    requirements: &Requirements<'_>,
    dir: &RuntimeDir,
) -> Result<Prepared, Cause> {
    let mut watch = Stopwatch::start();
    let content = read_trusted(path, requirements, dir, &mut watch)?;
    let metadata = describe_file(content.copy.file())?;
    metadata.check_compatibility(requirements.abi)?;
    watch.lap(Stage::Describe);
    if requirements.trust == Trust::Owner {
        check_search_path(content.copy.file(), dir.path())?;
        watch.lap(Stage::Trust);
    }
    let copy = content.copy.persist(&metadata.name, content.fingerprint)?;
    watch.lap(Stage::RuntimeCopy);
    Ok(Prepared {
        copy,
        fingerprint: content.fingerprint,
        stat: content.stat,
        metadata,
        timings: watch.laps,
    })
}

/// Settles, reads and checks the file; starts over if it is written in between, within one deadline.
fn read_trusted(
    path: &Path,
    requirements: &Requirements<'_>,
    dir: &RuntimeDir,
    watch: &mut Stopwatch,
) -> Result<Content, Cause> {
    let timeouts = requirements.settle;
    let end = Instant::now() + timeouts.deadline;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let stat = settle(
            path,
            SettleTimeouts {
                deadline: left,
                ..timeouts
            },
        )?;
        watch.lap(Stage::Settle);
        match read(path, stat, requirements, dir, watch) {
            Err(cause) if !cause.is_transient() => return Err(cause),
            Err(_) if Instant::now() >= end => {
                return Err(SettleError::StillChanging(timeouts.deadline).into());
            }
            Err(_) => {}
            Ok(content) => return Ok(content),
        }
    }
}

fn read(
    path: &Path,
    stat: FileStat,
    requirements: &Requirements<'_>,
    dir: &RuntimeDir,
    watch: &mut Stopwatch,
) -> Result<Content, Cause> {
    let content = Content::read(path, stat, dir)?;
    requirements.check_fingerprint(content.fingerprint)?;
    watch.lap(Stage::Fingerprint);
    if requirements.trust == Trust::Owner {
        check_owners(path, content.stat)?;
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

    /// Adds the time since the last lap to `stage`; repeats of a stage are summed.
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
