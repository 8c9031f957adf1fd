//! The folder of one CA's account, orders and certificates.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use checked_file::{ReadError, Trust, check_search_dir, read_secret_text, read_text};

use crate::load::atomic_file;

/// Far more than an account, an order or a chain of certificates needs.
const MAX_LEN: u64 = 1 << 20;

/// A folder that only this user may enter.
#[derive(Debug, Clone)]
pub struct AcmeFolder {
    path: PathBuf,
    trust: Trust,
}

/// Held by the one process that orders. The system ends it with the process.
#[derive(Debug)]
pub struct AcmeLock(#[expect(dead_code, reason = "it is held")] File);

/// A folder or file of the orders that can't be used. The text after `help:` says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AcmeFolderError {
    /// A file that can't be read, or that others can change or read.
    #[error("{}", match .1 {
        ReadError::Untrusted(error) => format!("{}\nhelp: run `{}`; or start with `--trust any`, which takes the files of every user", error.problem(), error.fix()),
        error => format!("`{}` can't be read: {error}", .0.display()),
    })]
    Unreadable(PathBuf, ReadError),
    /// A file that can't be written.
    #[error(
        "`{}` can't be written: {error}\nhelp: give this user a folder that only it can write, and name it: `acme = {{ state = \"…\" }}`",
        .path.display()
    )]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl AcmeFolder {
    /// The folder at `path`, and whose files to accept there.
    pub fn new(path: PathBuf, trust: Trust) -> Self {
        Self { path, trust }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether no other user can put files there. It need not exist.
    ///
    /// # Errors
    ///
    /// Another user can.
    pub fn check(&self) -> Result<(), AcmeFolderError> {
        if self.trust == Trust::Any {
            return Ok(());
        }
        let checked = check_search_dir(&self.path);
        checked.map_err(|error| AcmeFolderError::Unreadable(self.path.clone(), error))
    }

    /// Makes it if need be, and takes its lock; none if another process has it.
    ///
    /// # Errors
    ///
    /// It can't be made or locked, or another user can put files there.
    pub fn lock(&self) -> Result<Option<AcmeLock>, AcmeFolderError> {
        self.check()?;
        Self::make(&self.path)?;
        let path = self.path.join("lock");
        let failed = |error| Self::unwritable(&path, error);
        // A child that inherited it would hold it: std opens files so that none does.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(AcmeLock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The text of a file that only this user can read; none if there is no such file.
    ///
    /// # Errors
    ///
    /// It can't be read, or others can change or read it.
    pub fn read(&self, name: &str) -> Result<Option<String>, AcmeFolderError> {
        let path = self.path.join(name);
        let read = match self.trust {
            Trust::Owner => read_secret_text(&path, MAX_LEN),
            Trust::Any => read_text(&path, MAX_LEN),
        };
        match read {
            Ok(text) => Ok(Some(text)),
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(AcmeFolderError::Unreadable(path, error)),
        }
    }

    /// Replaces a file, which only this user can read: a reader sees all of the old one or of the new one.
    ///
    /// # Errors
    ///
    /// Any error of the file system.
    pub fn write(&self, name: &str, text: &str) -> Result<(), AcmeFolderError> {
        let path = self.path.join(name);
        if let Some(folder) = path.parent() {
            Self::make(folder)?;
        }
        let written = atomic_file::write_secret(&path, text.as_bytes());
        written.map_err(|error| Self::unwritable(&path, error))
    }

    /// Removes a file, or a folder with all that is in it, if it is there.
    ///
    /// # Errors
    ///
    /// Any error of the file system.
    pub fn remove(&self, name: &str) -> Result<(), AcmeFolderError> {
        let path = self.path.join(name);
        let removed = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Self::unwritable(&path, error))
            }
            _ => Ok(()),
        }
    }

    fn make(folder: &Path) -> Result<(), AcmeFolderError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| Self::unwritable(folder, error))
    }

    fn unwritable(path: &Path, error: io::Error) -> AcmeFolderError {
        let path = path.to_owned();
        AcmeFolderError::Unwritable { path, error }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    fn folder(within: &Path) -> AcmeFolder {
        let path = within.canonicalize().unwrap().join("acme/ca.test");
        AcmeFolder::new(path, Trust::Owner)
    }

    #[test]
    fn one_process_has_the_lock_until_it_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (folder(dir.path()), folder(dir.path()));
        let held = one.lock().unwrap().expect("nobody has it");
        assert!(other.lock().unwrap().is_none());
        drop(held);
        assert!(other.lock().unwrap().is_some());
    }

    #[test]
    fn only_this_user_enters_the_folder_and_reads_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        folder.write("http-01/a", "secret").unwrap();
        for made in [folder.path(), &folder.path().join("http-01")] {
            assert_eq!(mode(made), 0o700);
        }
        assert_eq!(mode(&folder.path().join("http-01/a")), 0o600);
        assert_eq!(folder.read("http-01/a").unwrap().unwrap(), "secret");
        assert!(folder.read("http-01/b").unwrap().is_none());
        for _ in 0..2 {
            folder.remove("http-01").unwrap();
            assert!(folder.read("http-01/a").unwrap().is_none());
        }
    }

    #[test]
    fn folder_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        drop(folder.lock().unwrap());
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let error = folder.lock().unwrap_err().to_string();
        assert!(error.contains("chmod"), "{error}");
        let any = AcmeFolder::new(folder.path().to_owned(), Trust::Any);
        assert!(any.lock().unwrap().is_some());
    }
}
