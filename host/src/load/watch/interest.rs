//! What to watch.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Files, each by its path, and whole trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Files; each may be absent.
    pub files: BTreeSet<PathBuf>,
    /// Directories in which every file counts, future ones included.
    pub trees: BTreeSet<Tree>,
}

impl Interest {
    /// Only these files.
    pub fn files(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            files: files.into_iter().collect(),
            trees: BTreeSet::new(),
        }
    }

    /// The union of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.trees.extend(other.trees);
        self
    }
}

/// A directory with everything in it, except files that git ignores, hidden files, temporary files of editors and
/// caches (`CACHEDIR.TAG`). Links in it are not followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tree {
    /// Its path, with all links resolved.
    pub root: PathBuf,
    /// Directories below it that are not part of it.
    pub excluded: BTreeSet<PathBuf>,
    /// Files below it that count even if they are hidden or git ignores them.
    pub included: BTreeSet<PathBuf>,
}

impl Tree {
    /// All of a directory.
    pub fn whole(root: PathBuf) -> Self {
        Self {
            root,
            excluded: BTreeSet::new(),
            included: BTreeSet::new(),
        }
    }
}
