//! What is to be watched.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Files, each by its name, and whole trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Files that may be absent.
    pub files: BTreeSet<PathBuf>,
    /// Folders whose every file counts, those to come included.
    pub trees: BTreeSet<Tree>,
}

impl Interest {
    /// These files alone.
    pub fn files(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            files: files.into_iter().collect(),
            trees: BTreeSet::new(),
        }
    }

    /// This and that.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.trees.extend(other.trees);
        self
    }
}

/// A folder with all that is in it, but for what git ignores, what is hidden, what editors drop and
/// what is a cache (`CACHEDIR.TAG`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tree {
    /// Its path, without links.
    pub root: PathBuf,
    /// Folders in it that are no part of it.
    pub without: BTreeSet<PathBuf>,
}
