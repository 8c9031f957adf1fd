//! Checks that only this user, root and the owner's private group can change a library file.
//!
//! The rule is OpenSSH's `StrictModes`, applied to the file and to every directory and link of its path.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::settle::FileStat;
use crate::load::watch::{ResolvedPath, absolute};

/// Whose library files to accept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// The file and its directories belong to this user or root, and others can't write them.
    #[default]
    Owner,
    /// Any user's file.
    Any,
}

/// The user and group of this process.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    /// The effective user.
    pub uid: u32,
    /// The effective group.
    pub gid: u32,
}

impl Ids {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        }
    }
}

/// The kind of a [`PathEntry`], as far as trust depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A symbolic link; its mode has no meaning.
    Link,
    /// Anything else.
    File,
}

/// A file, directory or link in a library's path.
#[derive(Debug, Clone)]
pub struct PathEntry {
    /// Its path.
    pub path: PathBuf,
    /// Its kind.
    pub kind: EntryKind,
    /// Permission bits, sticky bit included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Whether an access control list names more users or groups; the group bits then limit theirs.
    pub has_acl: bool,
}

impl PathEntry {
    fn of(path: PathBuf, metadata: &Metadata) -> Self {
        let kind = match metadata.file_type() {
            t if t.is_dir() => EntryKind::Directory,
            t if t.is_symlink() => EntryKind::Link,
            _ => EntryKind::File,
        };
        let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
        let has_acl = kind != EntryKind::Link && acl_exists(&path);
        Self {
            path,
            kind,
            mode,
            uid,
            gid,
            has_acl,
        }
    }

    /// In a sticky directory others may add entries, but not replace or remove ours.
    fn is_sticky_dir(&self) -> bool {
        self.kind == EntryKind::Directory && self.mode & 0o1000 != 0
    }

    fn group_is_private(&self, ids: Ids) -> bool {
        // A user's private group has the user's number (as on Debian and Red Hat).
        self.gid == 0 || self.gid == ids.gid || self.gid == self.uid
    }
}

/// Whether a file has an access control list; false where the system can't tell.
fn acl_exists(path: &Path) -> bool {
    rustix::fs::getxattr_query(path, "system.posix_acl_access").is_ok()
}

/// A library that another user could have changed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Owned by another user.
    #[error(
        "`{path}` belongs to user {uid}, not to this user ({ours}) or root: \
         run `chown {flag}{ours} '{path}'`, or set `trust = \"any\"`"
    )]
    Owner {
        /// The entry.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// This process's user.
        ours: u32,
        /// `-h ` for a link.
        flag: &'static str,
    },
    /// World-writable.
    #[error(
        "`{path}` is world-writable (mode {mode:04o}): run `chmod o-w '{path}'`, \
         or set `trust = \"any\"`"
    )]
    WorldWritable {
        /// The entry.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Writable by a group that is not private.
    #[error(
        "`{path}` is writable by group {gid} (mode {mode:04o}): run `chmod g-w '{path}'`, \
         or set `trust = \"any\"`"
    )]
    GroupWritable {
        /// The entry.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its group.
        gid: u32,
    },
    /// Writable by others through an access control list.
    #[error(
        "`{0}` is writable by others through its access control list: run `setfacl -b '{0}'`, or set \
         `trust = \"any\"`"
    )]
    Acl(PathBuf),
    /// It is not the file that was read.
    #[error("`{0}` is no longer the file that was read: it was replaced in between")]
    Replaced(PathBuf),
    /// A path could not be resolved.
    #[error("failed to resolve the path: {0}")]
    Io(#[from] io::Error),
}

/// Checks every entry of a library's path.
///
/// # Errors
///
/// The first entry that a user other than this one or root could change.
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
    if entry.kind == EntryKind::Link || entry.is_sticky_dir() {
        return Ok(());
    }
    if mode & 0o002 != 0 {
        return Err(TrustError::WorldWritable { path, mode });
    }
    if mode & 0o020 != 0 && entry.has_acl {
        return Err(TrustError::Acl(path));
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

/// Checks that no other user could have written or replaced the file at `path`, which had the stat `read`.
///
/// # Errors
///
/// As [`check_entries`]; also when the path no longer leads to the file that was read.
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
