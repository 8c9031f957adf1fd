//! Checks that no other user can have changed a library file.

use std::path::{Path, PathBuf};

use checked_file::check;

use super::settle::FileStat;

/// A library that another user could have changed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file, or something on its way.
    #[error("{0}, or set `trust = \"any\"`")]
    Untrusted(checked_file::TrustError),
    /// The system's loader would look for its dependencies where another user can put them.
    #[error(
        "it has its dependencies looked for in `{entry}` (RUNPATH), and {error}, or set `trust = \"any\"`"
    )]
    SearchPath {
        /// The entry.
        entry: String,
        /// Why.
        error: checked_file::TrustError,
    },
    /// The same, below whatever the current folder is.
    #[error(
        "it has its dependencies looked for in `{0}` (RUNPATH), which depends on the current folder: link it without \
         `rpath`, or set `trust = \"any\"`"
    )]
    RelativeSearchPath(String),
    /// The system's loader would load a dependency by a path that another user can change.
    #[error("it needs `{name}`, and {error}, or set `trust = \"any\"`")]
    Dependency {
        /// The path.
        name: String,
        /// Why.
        error: checked_file::TrustError,
    },
    /// The same, below whatever the current folder is.
    #[error(
        "it needs `{0}`, which depends on the current folder: give that library a soname and link it again, or set \
         `trust = \"any\"`"
    )]
    RelativeDependency(String),
    /// It is not the file that was read.
    #[error("`{0}` is no longer the file that was read: it was replaced in between")]
    Replaced(PathBuf),
    /// It can't be inspected.
    #[error("failed to inspect the path: {0}")]
    Unreadable(checked_file::ReadError),
}

/// Checks that no other user could have written or replaced the file at `path`, which had the stat `read`.
///
/// # Errors
///
/// The first entry of the path that another user could change; also when the path no longer leads to the file that was
/// read.
pub(super) fn check_owners(path: &Path, read: FileStat) -> Result<(), TrustError> {
    match check(path) {
        Ok(end) if FileStat::of(&end) == read => Ok(()),
        Ok(_) => Err(TrustError::Replaced(path.to_path_buf())),
        Err(checked_file::ReadError::Untrusted(error)) => Err(TrustError::Untrusted(error)),
        // It was there a moment ago.
        Err(checked_file::ReadError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(TrustError::Replaced(path.to_path_buf()))
        }
        Err(error) => Err(TrustError::Unreadable(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn replaced_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "x").unwrap();
        let stat = FileStat::of(&fs::metadata(&path).unwrap());
        check_owners(&path, stat).unwrap();
        fs::write(dir.path().join("other"), "y").unwrap();
        fs::rename(dir.path().join("other"), &path).unwrap();
        let replaced = check_owners(&path, stat);
        assert!(matches!(replaced, Err(TrustError::Replaced(_))));
        fs::remove_file(&path).unwrap();
        let removed = check_owners(&path, stat);
        assert!(matches!(removed, Err(TrustError::Replaced(_))));
    }
}
