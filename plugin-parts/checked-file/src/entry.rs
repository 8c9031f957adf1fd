//! What decides who may change a file, a directory or a link.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The kind of a [`PathEntry`], as far as trust depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A directory in which files are looked for: what others can add to it counts.
    SearchDirectory,
    /// A symbolic link; its mode has no meaning.
    Link,
    /// Anything else.
    File,
}

/// A file, directory or link on the way that a path leads.
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
    pub(crate) fn of(path: PathBuf, metadata: &Metadata) -> Self {
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
    pub(crate) fn is_sticky_dir(&self) -> bool {
        self.kind == EntryKind::Directory && self.mode & 0o1000 != 0
    }
}

/// Whether a file has an access control list; false where the system can't tell.
pub(crate) fn acl_exists(path: &Path) -> bool {
    rustix::fs::getxattr_query(path, "system.posix_acl_access").is_ok()
}
