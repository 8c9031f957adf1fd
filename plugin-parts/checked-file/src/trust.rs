//! Whether another user could have written a file, or put another one in its place.
//!
//! The rule is OpenSSH's `StrictModes`, applied to the file and to every directory and link on its way.

use std::cell::OnceCell;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::bounded::{ReadError, open, read_open, text};
use crate::entry::{EntryKind, PathEntry};
use crate::resolved_path::{ResolvedPath, absolute};

/// How often a file is read again that is replaced while it is read.
const ATTEMPTS: usize = 3;

/// Whose files to accept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// The file and its directories belong to this user or root, and others can't write them.
    #[default]
    Owner,
    /// Any user's file.
    Any,
}

/// The user that trusts, and what is known about groups.
pub struct Judge<'a> {
    /// The effective user of this process.
    pub uid: u32,
    /// Whether only this user and root are in a group.
    pub is_private: &'a dyn Fn(u32) -> bool,
}

/// A file that another user could have changed.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {why}: run `{}`", path.display(), self.fix())]
pub struct TrustError {
    /// The file, or the directory or link on its way.
    pub path: PathBuf,
    /// Its fault.
    pub why: Why,
}

/// Why another user could have changed something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Owned by another user.
    #[error("belongs to user {uid}, not to this user ({ours}) or root")]
    Owner {
        /// Its owner.
        uid: u32,
        /// This process's user.
        ours: u32,
        /// What it is.
        kind: EntryKind,
    },
    /// World-writable.
    #[error("is world-writable (mode {0:04o})")]
    WorldWritable(u32),
    /// Writable by a group that is not private.
    #[error("is writable by group {gid} (mode {mode:04o})")]
    GroupWritable {
        /// Its mode.
        mode: u32,
        /// Its group.
        gid: u32,
    },
    /// A secret that every user can read.
    #[error("is world-readable (mode {0:04o})")]
    WorldReadable(u32),
    /// A secret that a group can read which is not private.
    #[error("is readable by group {gid} (mode {mode:04o})")]
    GroupReadable {
        /// Its mode.
        mode: u32,
        /// Its group.
        gid: u32,
    },
    /// Writable by others through an access control list.
    #[error("is writable by others through its access control list")]
    Acl,
}

impl TrustError {
    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> String {
        format!("`{}` {}", self.path.display(), self.why)
    }

    /// The command that corrects it.
    #[must_use]
    pub fn fix(&self) -> String {
        let command = match &self.why {
            Why::Owner { ours, kind, .. } if *kind == EntryKind::Link => format!("chown -h {ours}"),
            Why::Owner { ours, .. } => format!("chown {ours}"),
            Why::WorldWritable(_) => "chmod o-w".to_owned(),
            Why::GroupWritable { .. } => "chmod g-w".to_owned(),
            Why::WorldReadable(_) => "chmod o-r".to_owned(),
            Why::GroupReadable { .. } => "chmod g-r".to_owned(),
            Why::Acl => "setfacl -b".to_owned(),
        };
        let path = self.path.to_string_lossy().replace('\'', r"'\''");
        format!("{command} '{path}'")
    }
}

/// Checks every entry of a path.
///
/// # Errors
///
/// The first entry that a user other than this one or root could change.
pub fn check_entries(entries: &[PathEntry], judge: &Judge<'_>) -> Result<(), TrustError> {
    let fault = |entry: &PathEntry| {
        let path = entry.path.clone();
        fault(entry, judge).map(|why| TrustError { path, why })
    };
    entries.iter().find_map(fault).map_or(Ok(()), Err)
}

fn fault(entry: &PathEntry, judge: &Judge<'_>) -> Option<Why> {
    let (uid, gid, mode, kind) = (entry.uid, entry.gid, entry.mode, entry.kind);
    let ours = judge.uid;
    if uid != 0 && uid != ours {
        return Some(Why::Owner { uid, ours, kind });
    }
    if kind == EntryKind::Link || entry.is_sticky_dir() {
        return None;
    }
    if mode & 0o002 != 0 {
        return Some(Why::WorldWritable(mode));
    }
    // With an access control list these bits are its mask: without them no entry of it may write.
    let by_group = mode & 0o020 != 0;
    if by_group && entry.has_acl {
        return Some(Why::Acl);
    }
    (by_group && !(judge.is_private)(gid)).then_some(Why::GroupWritable { mode, gid })
}

/// Checks that no other user could have written or replaced what is at `path`. Returns the metadata of what the path
/// leads to, which the caller compares with what it has opened.
///
/// # Errors
///
/// Nothing is at the path, or the first entry on its way that another user could change.
pub fn check(path: &Path) -> Result<Metadata, ReadError> {
    let route = ResolvedPath::resolve(&absolute(path)?);
    let target = route.target().and_then(|step| step.metadata.clone());
    check_each(&entries(&route)?)?;
    target.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
}

/// Checks that no other user can put a file into the directory at `path`, or create it where it does not exist.
///
/// # Errors
///
/// The first entry on its way that another user can change.
pub fn check_search_dir(path: &Path) -> Result<(), ReadError> {
    let route = ResolvedPath::resolve(&absolute(path)?);
    check_each(&entries(&route)?)?;
    let place = match route.steps.last() {
        Some(step) if step.metadata.is_none() => step.dir.clone(),
        Some(step) => step.path(),
        None => "/".into(),
    };
    let metadata = std::fs::metadata(&place)?;
    let mut place = PathEntry::of(place, &metadata);
    place.kind = EntryKind::SearchDirectory;
    Ok(check_each(&[place])?)
}

fn entries(route: &ResolvedPath) -> io::Result<Vec<PathEntry>> {
    let root = PathEntry::of("/".into(), &std::fs::metadata("/")?);
    let steps = route.steps.iter().filter_map(|step| {
        let metadata = step.metadata.as_ref()?;
        Some(PathEntry::of(step.path(), metadata))
    });
    Ok(std::iter::once(root).chain(steps).collect())
}

/// Checks the entries for the user of this process.
fn check_each(entries: &[PathEntry]) -> Result<(), TrustError> {
    let accounts = OnceCell::new();
    let uid = rustix::process::geteuid().as_raw();
    let is_private = |gid| {
        let accounts = accounts.get_or_init(Accounts::of_this_machine);
        accounts.is_private(gid, uid)
    };
    let is_private = &is_private;
    check_entries(entries, &Judge { uid, is_private })
}

/// Reads the text file at `path`, of at most `limit` bytes, if no other user could have written or replaced it.
///
/// # Errors
///
/// As [`read_text`](crate::read_text) and [`check`].
pub fn read_trusted_text(path: &Path, limit: u64, trust: Trust) -> Result<String, ReadError> {
    for _ in 0..ATTEMPTS {
        let file = open(path)?;
        let content = read_open(&file, limit)?;
        if trust == Trust::Any || is_judged(&file, path)? {
            return text(content);
        }
    }
    Err(io::Error::other("it is replaced again and again while it is read").into())
}

/// Whether `file` is what is at `path` now, which no other user could have written or replaced.
pub(crate) fn is_judged(file: &File, path: &Path) -> Result<bool, ReadError> {
    let (there, read) = (check(path)?, file.metadata()?);
    Ok((there.dev(), there.ino()) == (read.dev(), read.ino()))
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
