//! Who may change a library file: nobody but us, root and the file's owner's own group.
//!
//! The rule is OpenSSH's `StrictModes`, for the file, every directory and every link on the way.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::settle::FileStat;
use crate::load::watch::{ResolvedPath, absolute};

/// How strict to be about a library's owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// The file and its directories belong to us or root, and others can't write them.
    #[default]
    Owner,
    /// Anybody's file will do.
    Any,
}

/// Who this process is.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    /// The effective user.
    pub uid: u32,
    /// The effective group.
    pub gid: u32,
}

impl Ids {
    /// Asks the system.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        }
    }
}

/// What kind of thing an entry is, as far as trust cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A symbolic link; its mode says nothing.
    Link,
    /// Anything else.
    File,
}

/// A file, directory or link on the way to a library.
#[derive(Debug, Clone)]
pub struct PathEntry {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub kind: EntryKind,
    /// Permission bits, sticky bit included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Whether an access list names further users or groups; the group's bits then bound theirs.
    pub listed: bool,
}

impl PathEntry {
    fn of(path: PathBuf, metadata: &Metadata) -> Self {
        let kind = match metadata.file_type() {
            t if t.is_dir() => EntryKind::Directory,
            t if t.is_symlink() => EntryKind::Link,
            _ => EntryKind::File,
        };
        let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
        let listed = kind != EntryKind::Link && has_access_list(&path);
        Self {
            path,
            kind,
            mode,
            uid,
            gid,
            listed,
        }
    }

    /// In a sticky directory others may add entries but not replace or remove ours.
    fn sticky(&self) -> bool {
        self.kind == EntryKind::Directory && self.mode & 0o1000 != 0
    }

    fn group_is_private(&self, ids: Ids) -> bool {
        // A user's own group has the user's number (Debian's and Red Hat's user private groups).
        self.gid == 0 || self.gid == ids.gid || self.gid == self.uid
    }
}

/// Whether there is more to a file's permissions than its mode. Where the system can't tell, there
/// is not.
fn has_access_list(path: &Path) -> bool {
    rustix::fs::getxattr_query(path, "system.posix_acl_access").is_ok()
}

/// A library somebody else could have changed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Somebody else's.
    #[error(
        "`{path}` belongs to user {uid}, not to us (user {ours}) or root: \
         run `chown {flag}{ours} '{path}'`, or set `trust = \"any\"`"
    )]
    Owner {
        /// Which entry.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
        /// Who we are.
        ours: u32,
        /// `-h ` for a link.
        flag: &'static str,
    },
    /// World-writable.
    #[error(
        "anybody may write `{path}` (mode {mode:04o}): run `chmod o-w '{path}'`, \
         or set `trust = \"any\"`"
    )]
    WorldWritable {
        /// Which entry.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Writable by a group that is not ours.
    #[error(
        "group {gid} may write `{path}` (mode {mode:04o}): run `chmod g-w '{path}'`, \
         or set `trust = \"any\"`"
    )]
    GroupWritable {
        /// Which entry.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its group.
        gid: u32,
    },
    /// Writable by who knows whom.
    #[error(
        "an access list lets others write `{0}`: run `setfacl -b '{0}'`, or set `trust = \"any\"`"
    )]
    Listed(PathBuf),
    /// Not the file that was read.
    #[error("`{0}` is no longer the file that was read: somebody replaced it meanwhile")]
    Replaced(PathBuf),
    /// The system refused to look.
    #[error("the path can't be followed: {0}")]
    Io(#[from] io::Error),
}

/// Judges every entry on the way to a library.
///
/// # Errors
///
/// The first entry that somebody other than us or root could change.
pub fn check_entries(entries: &[PathEntry], ids: Ids) -> Result<(), TrustError> {
    entries.iter().try_for_each(|entry| check_entry(entry, ids))
}

fn check_entry(entry: &PathEntry, ids: Ids) -> Result<(), TrustError> {
    let (path, mode) = (entry.path.clone(), entry.mode);
    if entry.uid != 0 && entry.uid != ids.uid {
        let flag = if entry.kind == EntryKind::Link {
            "-h "
        } else {
            ""
        };
        return Err(TrustError::Owner {
            path,
            uid: entry.uid,
            ours: ids.uid,
            flag,
        });
    }
    if entry.kind == EntryKind::Link || entry.sticky() {
        return Ok(());
    }
    if mode & 0o002 != 0 {
        return Err(TrustError::WorldWritable { path, mode });
    }
    if mode & 0o020 != 0 && entry.listed {
        return Err(TrustError::Listed(path));
    }
    if mode & 0o020 != 0 && !entry.group_is_private(ids) {
        return Err(TrustError::GroupWritable {
            path,
            mode,
            gid: entry.gid,
        });
    }
    Ok(())
}

/// Checks that nobody else could have made the file at `path`, of which `read` was read.
///
/// # Errors
///
/// See [`check_entries`]; also when the path no longer leads to the file that was read.
pub fn check_owners(path: &Path, read: FileStat, ids: Ids) -> Result<(), TrustError> {
    let route = ResolvedPath::resolve(&absolute(path)?);
    let end = route.target().and_then(|step| step.metadata.as_ref());
    if end.map(FileStat::of) != Some(read) {
        return Err(TrustError::Replaced(path.to_path_buf()));
    }
    let mut entries = vec![PathEntry::of("/".into(), &std::fs::metadata("/")?)];
    for step in &route.steps {
        entries.extend(
            step.metadata
                .as_ref()
                .map(|metadata| PathEntry::of(step.path(), metadata)),
        );
    }
    check_entries(&entries, ids)
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
