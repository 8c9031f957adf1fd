//! The file of a lock, beside its manifest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Lock, TextError, parse};
use crate::load::atomic_file;

/// Why there is no lock to go by.
#[derive(Debug, thiserror::Error)]
pub enum LockFileError {
    /// No file.
    #[error("the lock `{0}` is not there")]
    Missing(PathBuf),
    /// The system does not give it.
    #[error("the lock `{path}` can't be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Not a lock.
    #[error("the lock `{path}` is malformed: {error}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        error: TextError,
    },
}

/// The lock of a manifest: `X.toml` has `X.lock`.
pub fn lock_path(manifest: &Path) -> PathBuf {
    if manifest.extension().is_some_and(|end| end == "toml") {
        return manifest.with_extension("lock");
    }
    let mut name = manifest.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Reads the lock at `path`.
///
/// # Errors
///
/// See [`LockFileError`].
pub fn read(path: &Path) -> Result<Lock, LockFileError> {
    let path = path.to_path_buf();
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(|error| LockFileError::Malformed { path, error }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LockFileError::Missing(path)),
        Err(error) => Err(LockFileError::Unreadable { path, error }),
    }
}

/// Writes `lock` to `path`, whole from one moment to the next.
///
/// # Errors
///
/// What the system says.
pub fn write(path: &Path, lock: &Lock) -> io::Result<()> {
    atomic_file::write(path, lock.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_locks_name_comes_from_the_manifests() {
        let name = |manifest: &str| lock_path(Path::new(manifest)).display().to_string();
        assert_eq!(name("config.ru.toml"), "config.ru.lock");
        assert_eq!(name("/srv/a/site.toml"), "/srv/a/site.lock");
        assert_eq!(name("a.d/manifest"), "a.d/manifest.lock");
        assert_eq!(name("site.conf"), "site.conf.lock");
    }

    #[test]
    fn it_is_written_over_the_old_one_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.ru.lock");
        fs::write(&path, "old").unwrap();
        write(&path, &Lock::default()).unwrap();
        assert_eq!(read(&path).unwrap(), Lock::default());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o400, 0o400);
        assert_eq!(mode & 0o111, 0);
    }

    #[test]
    fn what_is_wrong_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.ru.lock");
        let says = |end: &str| {
            let error = read(&path).unwrap_err().to_string();
            assert_eq!(error, format!("the lock `{}` {end}", path.display()));
        };
        says("is not there");
        fs::write(&path, "version = 2").unwrap();
        says("is malformed: its version is 2, and this stackup reads version 1");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        says("can't be read: Is a directory (os error 21)");
    }
}
