//! Tells a changed file from an unchanged one without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use checked_file::ResolvedPath;

/// Equal before and after: the path leads through the same links to the same, unwritten file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    links: Vec<PathBuf>,
    stat: Option<FileStat>,
}

/// Mode and owners count, too: `chmod` is how a user fixes a file that was not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileStat {
    inode: (u64, u64),
    len: u64,
    mtime: (i64, i64),
    access: (u32, u32, u32),
}

impl Identity {
    pub(super) fn of(path: &ResolvedPath) -> Self {
        let target = path.target();
        let stat = target.and_then(|step| step.metadata.as_ref());
        let stat = stat.map(FileStat::of);
        let links = path
            .steps
            .iter()
            .filter_map(|step| step.link.clone())
            .collect();
        Self { links, stat }
    }
}

impl FileStat {
    pub(super) fn of(m: &Metadata) -> Self {
        Self {
            inode: (m.dev(), m.ino()),
            len: m.len(),
            mtime: (m.mtime(), m.mtime_nsec()),
            access: (m.mode(), m.uid(), m.gid()),
        }
    }
}
