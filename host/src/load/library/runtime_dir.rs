//! The private directory that libraries are loaded from.
//!
//! The process holds a lock on it until it ends, in any way. A directory whose lock is free was left by a
//! dead process, and the next process to start removes it. Cleaners of temporary directories may remove it
//! while the process runs; then it is created again ([`RuntimeDir::repair`]).

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use checked_file::{ReadError, check};
use rustix::fs::{FlockOperation, OFlags, flock};

/// A prefix that no user's directory would have, since directories with it may be removed.
const PREFIX: &str = "stackup-runtime-";

/// A directory in which a runtime directory can be created.
#[derive(Debug, Clone)]
pub struct BaseDir {
    /// The directory.
    pub path: PathBuf,
    /// The environment variable that names it.
    pub variable: &'static str,
}

impl BaseDir {
    /// `$XDG_RUNTIME_DIR`, then `$TMPDIR`, then `/tmp`.
    #[must_use]
    pub fn from_env() -> Vec<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
        let runtime = runtime.map(|path| Self {
            path: path.into(),
            variable: "XDG_RUNTIME_DIR",
        });
        let temp = Self {
            path: std::env::temp_dir(),
            variable: "TMPDIR",
        };
        // `TMPDIR` may be removed while this process runs.
        let default = Self {
            path: "/tmp".into(),
            variable: "the default",
        };
        let default = (temp.path != default.path).then_some(default);
        runtime.into_iter().chain([temp]).chain(default).collect()
    }
}

/// No base directory is usable and safe.
#[derive(Debug, thiserror::Error)]
#[error(
    "no directory to load libraries from{}: set TMPDIR to a directory of yours on a filesystem \
     that is not mounted noexec",
    refusals.iter().map(|refusal| format!("; {refusal}")).collect::<String>()
)]
pub struct RuntimeDirError {
    refusals: Vec<Refusal>,
}

/// A private directory (0700), locked while this value lives and removed when it is dropped.
#[derive(Debug)]
pub struct RuntimeDir {
    // Dropped in this order: the directory is removed while it is still locked.
    dir: Owned,
    lock: File,
    /// Where to create another one.
    bases: Vec<BaseDir>,
    /// Why it is not in an earlier one of these.
    refusals: Vec<Refusal>,
}

/// Why a base directory is not used.
#[derive(Debug)]
enum Refusal {
    /// The system does not allow it.
    Unusable(String),
    /// Another user could replace what is in it.
    Untrusted(String),
}

/// Removes the directory on drop.
#[derive(Debug)]
struct Owned(PathBuf);

impl Drop for Owned {
    fn drop(&mut self) {
        // A failure only wastes space.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl RuntimeDir {
    /// Creates one in the first base directory that allows execution, and removes those that dead processes
    /// left there.
    ///
    /// # Errors
    ///
    /// When no base directory is usable; with the reason for each.
    pub fn create(bases: &[BaseDir]) -> Result<Self, RuntimeDirError> {
        let mut refusals = Vec::new();
        for base in bases {
            let (path, variable) = (base.path.display(), base.variable);
            match Self::create_in(&base.path) {
                Ok((dir, lock)) => {
                    return Ok(Self {
                        dir,
                        lock,
                        bases: bases.to_vec(),
                        refusals,
                    });
                }
                Err(Refusal::Unusable(why)) => {
                    let why = format!("{path} (from {variable}) {why}");
                    refusals.push(Refusal::Unusable(why));
                }
                Err(Refusal::Untrusted(why)) => {
                    let why = format!("{path} (from {variable}) is not safe: {why}");
                    refusals.push(Refusal::Untrusted(why));
                }
            }
        }
        Err(RuntimeDirError { refusals })
    }

    /// Logs which base directories were passed over since other users could replace what is in them.
    pub(crate) fn warn_of_untrusted(&self) {
        for refusal in &self.refusals {
            if let Refusal::Untrusted(why) = refusal {
                tracing::warn!(
                    event = "runtime-dir",
                    "libraries are loaded from `{}`: {why}",
                    self.path().display()
                );
            }
        }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir.0
    }

    /// Removes the runtime directories that dead processes left in the same base directory.
    pub(crate) fn sweep(&self) {
        sweep_beside(self.path());
    }

    /// The lock: held as long as any descriptor of it is open.
    pub(crate) fn lock(&self) -> &File {
        &self.lock
    }

    /// Takes over the directory that this process created before it executed this program.
    pub(crate) fn adopt(path: PathBuf, lock: File) -> Self {
        Self {
            dir: Owned(path),
            lock,
            bases: BaseDir::from_env(),
            refusals: Vec::new(),
        }
    }

    /// Makes sure that the directory exists and is private. Returns whether it is another, empty one now: at the
    /// same path if possible, since other processes may know it.
    ///
    /// # Errors
    ///
    /// When it is gone and no base directory is usable.
    pub(crate) fn repair(&mut self) -> Result<bool, RuntimeDirError> {
        let gone = match self.condition() {
            Condition::Intact => return Ok(false),
            Condition::Gone => true,
            Condition::Exposed => false,
        };
        let path = self.path().to_path_buf();
        if let Some(lock) = gone.then(|| recreate(&path)).flatten() {
            self.lock = lock;
        } else {
            // Dropping the old one removes what is at its path, if it may.
            *self = Self::create(&self.bases)?;
        }
        let why = if gone {
            "removed"
        } else {
            "open to other users"
        };
        tracing::warn!(
            event = "runtime-dir",
            "the runtime directory `{}` was {why}: using the new `{}`",
            path.display(),
            self.path().display()
        );
        Ok(true)
    }

    fn condition(&self) -> Condition {
        let (Ok(ours), Ok(now)) = (self.lock.metadata(), fs::symlink_metadata(self.path())) else {
            return Condition::Gone;
        };
        if (now.dev(), now.ino()) != (ours.dev(), ours.ino()) {
            return Condition::Gone;
        }
        if check(self.path()).is_err() {
            return Condition::Exposed;
        }
        match now.mode() & 0o7777 {
            0o700 => Condition::Intact,
            mode if mode & 0o022 != 0 => Condition::Exposed,
            _ => match self.lock.set_permissions(Permissions::from_mode(0o700)) {
                Ok(()) => Condition::Intact,
                Err(_) => Condition::Exposed,
            },
        }
    }

    fn create_in(given: &Path) -> Result<(Owned, File), Refusal> {
        let unusable = |e: io::Error| Refusal::Unusable(format!("can't be used: {e}"));
        let base = given.canonicalize().map_err(unusable)?;
        if is_noexec(&base).map_err(unusable)? {
            return Err(Refusal::Unusable("is mounted noexec".to_owned()));
        }
        // The links by which it was reached may lead elsewhere later; the copies stay where they are now.
        check(&base).map_err(|error| match error {
            ReadError::Untrusted(error) => Refusal::Untrusted(error.to_string()),
            error => Refusal::Unusable(format!("can't be used: {error}")),
        })?;
        sweep(&base);
        // Another process's sweep may remove the directory between its creation and its locking.
        for _ in 0..16 {
            let dir = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(&base)
                .map_err(unusable)?;
            if let Some(lock) = lock(dir.path()) {
                return Ok((Owned(dir.keep()), lock));
            }
        }
        let lost = "lost every directory created there to another process";
        Err(Refusal::Unusable(lost.to_owned()))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unusable(why) | Self::Untrusted(why)) = self;
        f.write_str(why)
    }
}

/// What has become of a runtime directory.
enum Condition {
    Intact,
    /// Removed, or something else has its path.
    Gone,
    /// Others could write it, so its content can't be trusted.
    Exposed,
}

/// Creates the directory at `path` again and locks it. A worker may have created it already.
fn recreate(path: &Path) -> Option<File> {
    create_private(path).ok()?;
    lock(path)
}

/// Creates the directory at `path`, private to this user. One of this user that exists is made private again.
///
/// # Errors
///
/// When something else is at the path, or the system refuses.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created,
    }
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        let path = path.display();
        return Err(io::Error::other(format!(
            "`{path}` is not a directory of this user"
        )));
    }
    match found.mode() & 0o7777 {
        0o700 => Ok(()),
        _ => fs::set_permissions(path, Permissions::from_mode(0o700)),
    }
}

/// Locks the directory at `path`, unless it is locked already, owned by another user, or gone.
fn lock(path: &Path) -> Option<File> {
    let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .ok()?;
    hold(path, file)
}

fn hold(path: &Path, file: File) -> Option<File> {
    let opened = file.metadata().ok()?;
    if opened.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    // The previous holder of the lock may have removed the directory.
    let now = fs::symlink_metadata(path).ok()?;
    ((now.dev(), now.ino()) == (opened.dev(), opened.ino())).then_some(file)
}

/// Removes the runtime directories of dead processes where the one at `path` is, that one included.
fn sweep_beside(path: &Path) {
    if let Some(base) = path.parent() {
        sweep(base);
    }
}

/// Waits until the process that holds the directory at `path` has released it, at most for `limit`, then sweeps beside it.
/// The system closes the files of a killed process one by one: whoever sees its end by one of them can be earlier than
/// the release of the lock.
pub(crate) fn sweep_after_holder(path: &Path, limit: Duration) {
    let deadline = Instant::now() + limit;
    while path.exists() && lock(path).is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    sweep_beside(path);
}

/// Removes the directories of dead processes. Failures only waste space.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let named = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        if let Some(_lock) = named.then(|| lock(&entry.path())).flatten() {
            remove(&entry.path());
        }
    }
}

/// Removes files and the folders of generations (`LibraryStore`), then the directory if it is empty: this program
/// creates nothing else in one.
fn remove(dir: &Path) {
    remove_files(dir);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_generation = name
            .to_str()
            .is_some_and(|name| name.parse::<u64>().is_ok());
        // Links are not followed: `remove_files` has removed them.
        if is_generation && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_files(&entry.path());
            let _ = fs::remove_dir(entry.path());
        }
    }
    match fs::remove_dir(dir) {
        Ok(()) => {
            tracing::debug!(dir = %dir.display(), "removed a dead process's runtime directory")
        }
        Err(error) => {
            tracing::debug!(dir = %dir.display(), %error, "can't remove a dead process's runtime directory")
        }
    }
}

fn remove_files(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let _ = fs::remove_file(entry.path());
    }
}

#[cfg(target_os = "linux")]
fn is_noexec(path: &Path) -> io::Result<bool> {
    let flags = rustix::fs::statvfs(path)?.f_flag;
    Ok(flags.contains(rustix::fs::StatVfsMountFlags::NOEXEC))
}

/// Other systems don't report it; loading will fail there.
#[cfg(not(target_os = "linux"))]
fn is_noexec(_: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
#[path = "runtime_dir_tests.rs"]
mod tests;
