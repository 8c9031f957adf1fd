//! The lock file, next to its manifest.

use std::io;
use std::path::{Path, PathBuf};

use checked_file::{ReadError, Trust};

use super::{Lock, TextError, parse};
use crate::load::{atomic_file, site_file};

/// Why a lock could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LockFileError {
    /// The file does not exist.
    #[error("the lock `{0}` does not exist")]
    Missing(PathBuf),
    /// The file can't be read.
    #[error("failed to read the lock `{path}`: {}", site_file::message(error))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ReadError,
    },
    /// The file is not a valid lock.
    #[error("failed to parse the lock `{path}`: {error}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        error: TextError,
    },
}

impl LockFileError {
    /// The same error, with the file under another name.
    #[must_use]
    pub fn at(self, name: &Path) -> Self {
        let path = name.to_path_buf();
        match self {
            Self::Missing(_) => Self::Missing(path),
            Self::Unreadable { error, .. } => Self::Unreadable { path, error },
            Self::Malformed { error, .. } => Self::Malformed { path, error },
        }
    }
}

/// The path of a manifest's lock: `X.lock` for `X.toml`.
pub fn lock_path(manifest: &Path) -> PathBuf {
    if manifest.extension().is_some_and(|end| end == "toml") {
        return manifest.with_extension("lock");
    }
    let mut name = manifest.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Reads the lock at `path`, which is reached by way of `location`.
///
/// # Errors
///
/// See [`LockFileError`].
pub fn read(path: &Path, location: &Path, trust: Trust) -> Result<Lock, LockFileError> {
    let read = site_file::read(path, location, trust);
    let path = path.to_path_buf();
    match read {
        Ok(text) => parse(&text).map_err(|error| LockFileError::Malformed { path, error }),
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            Err(LockFileError::Missing(path))
        }
        Err(error) => Err(LockFileError::Unreadable { path, error }),
    }
}

/// Writes `lock` to `path` atomically.
///
/// # Errors
///
/// Any error of the file system.
pub fn write(path: &Path, lock: &Lock) -> io::Result<()> {
    atomic_file::write(path, lock.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn lock_name_derives_from_the_manifest() {
        let name = |manifest: &str| lock_path(Path::new(manifest)).display().to_string();
        assert_eq!(name("config.ru.toml"), "config.ru.lock");
        assert_eq!(name("/srv/a/site.toml"), "/srv/a/site.lock");
        assert_eq!(name("a.d/manifest"), "a.d/manifest.lock");
        assert_eq!(name("site.conf"), "site.conf.lock");
    }

    #[test]
    fn write_replaces_the_old_lock_and_leaves_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.ru.lock");
        fs::write(&path, "old").unwrap();
        write(&path, &Lock::default()).unwrap();
        let read = read(&path, &path, Trust::Owner).unwrap();
        assert_eq!(read, Lock::default());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o400, 0o400);
        assert_eq!(mode & 0o111, 0);
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.ru.lock");
        let fails = |before: &str, after: &str| {
            let error = read(&path, &path, Trust::Owner).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("{before}the lock `{}`{after}", path.display())
            );
        };
        fails("", " does not exist");
        fs::write(&path, "version = 2").unwrap();
        fails(
            "failed to parse ",
            ": its version is 2, but this stackup reads version 1",
        );
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fails("failed to read ", ": it is a directory, not a regular file");
    }
}
