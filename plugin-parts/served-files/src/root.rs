//! The directory that is served, and what of it may be seen.

use std::io;
use std::path::{Path, PathBuf};

use crate::path::{FilePath, hidden};

/// Which symbolic links below the root are followed; the root itself may be one.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum Symlinks {
    /// Those that lead to something below the root.
    #[default]
    Inside,
    /// All, wherever they lead.
    Follow,
    /// None.
    Refuse,
}

/// The directory that is served.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// Absolute.
    pub(crate) path: PathBuf,
    pub(crate) symlinks: Symlinks,
    /// Whether names that begin with a dot are served.
    pub(crate) dot_files: bool,
}

impl Root {
    pub(crate) fn follows_links(&self) -> bool {
        self.symlinks != Symlinks::Refuse
    }

    /// Whether a path may be served by its names alone.
    pub(crate) fn shows(&self, path: &FilePath) -> bool {
        self.dot_files || !path.is_hidden()
    }

    /// Where `path` leads, with all links resolved; none where it may not lead. `base` is the root, resolved.
    ///
    /// The names behind a link count as those of the path do: a link to `.env` is as hidden as `.env`. The names on the
    /// way to the root do not count.
    pub(crate) fn resolve(&self, base: &Path, path: &Path) -> io::Result<Option<PathBuf>> {
        let real = path.canonicalize()?;
        let allowed = match self.symlinks {
            Symlinks::Inside => real.starts_with(base),
            Symlinks::Follow => true,
            Symlinks::Refuse => false,
        };
        let shared = base.iter().zip(real.iter()).take_while(|(a, b)| a == b);
        let mut own = real.iter().skip(shared.count());
        let shown = self.dot_files || !own.any(hidden);
        Ok((allowed && shown).then_some(real))
    }
}
