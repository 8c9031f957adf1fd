//! What tells a changed file from an unchanged one, without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::resolved_path::Route;

/// Two equal ones: the path leads the same way to the same file, which nobody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    links: Vec<PathBuf>,
    end: Option<End>,
}

/// The mode and owners count too: `chmod` is how a person mends a file that was not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    inode: (u64, u64),
    len: u64,
    mtime: (i64, i64),
    access: (u32, u32, u32),
}

impl Identity {
    pub(super) fn of(route: &Route) -> Self {
        let end = route
            .end()
            .and_then(|step| step.metadata.as_ref())
            .map(End::of);
        let links = route
            .steps
            .iter()
            .filter_map(|step| step.link.clone())
            .collect();
        Self { links, end }
    }
}

impl End {
    pub(super) fn of(m: &Metadata) -> Self {
        Self {
            inode: (m.dev(), m.ino()),
            len: m.len(),
            mtime: (m.mtime(), m.mtime_nsec()),
            access: (m.mode(), m.uid(), m.gid()),
        }
    }
}
