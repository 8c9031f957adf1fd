//! Tells a changed file from an unchanged one without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use checked_file::ResolvedPath;

/// The links that a path leads through, and the file at its end.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    links: Vec<PathBuf>,
    stat: Option<FileStat>,
}

/// Mode and owners count, too: `chmod` is how a user fixes a file that was not trusted.
#[derive(Debug, Clone, Hash)]
pub(super) struct FileStat {
    inode: (u64, u64),
    len: u64,
    mtime: (i64, i64),
    /// Only the system sets it: a program may write content of equal length and set the mtime back.
    ctime: (i64, i64),
    /// How many names the file has.
    names: u64,
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

    /// Whether the path leads through the same links to the same file, which was not written in between.
    pub(super) fn is_unchanged(&self, now: &Self) -> bool {
        let same_file = match (&self.stat, &now.stat) {
            (Some(before), Some(now)) => before.is_unchanged(now),
            (before, now) => before.is_none() && now.is_none(),
        };
        same_file && self.links == now.links
    }
}

impl FileStat {
    pub(super) fn of(m: &Metadata) -> Self {
        Self {
            inode: (m.dev(), m.ino()),
            len: m.len(),
            mtime: (m.mtime(), m.mtime_nsec()),
            ctime: (m.ctime(), m.ctime_nsec()),
            names: m.nlink(),
            access: (m.mode(), m.uid(), m.gid()),
        }
    }

    /// Whether it is the same file, not written in between.
    pub(super) fn is_unchanged(&self, now: &Self) -> bool {
        // A further hard link, as cargo makes and removes them, changes the ctime and not the file.
        let same_time = self.ctime == now.ctime || self.names != now.names;
        let of = |stat: &Self| (stat.inode, stat.len, stat.mtime, stat.access);
        same_time && of(self) == of(now)
    }
}
