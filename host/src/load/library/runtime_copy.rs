//! The file that is really loaded: a private copy, named by its content.
//!
//! A library that is mapped must never change: overwriting it is SIGSEGV, truncating it SIGBUS.
//! And a path that is loaded already gives the old code again, so each content has its own.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::fingerprint::Fingerprint;
use super::runtime_dir::RuntimeDir;
use super::store::link;

/// A copy that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("no copy could be made at `{path}`: {source}")]
pub struct CopyError {
    path: PathBuf,
    source: io::Error,
}

/// A copy in the making, which goes unless it is kept.
#[derive(Debug)]
pub(super) struct TempCopy {
    file: NamedTempFile,
    len: u64,
}

/// A copy that is in its place.
#[derive(Debug)]
pub(super) struct RuntimeCopy {
    /// The file to load.
    pub(super) path: PathBuf,
    /// All of the content; what is at `path` may lack what is not mapped, if it was there before.
    pub(super) whole: File,
}

impl RuntimeDir {
    /// An empty draft.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub(super) fn draft(&self) -> Result<TempCopy, CopyError> {
        // Opened for writing as it is made, so that it can be read-only from the start.
        let file = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(0o500))
            .tempfile_in(self.path());
        match file {
            Ok(file) => Ok(TempCopy { file, len: 0 }),
            Err(source) => Err(CopyError {
                path: self.path().to_path_buf(),
                source,
            }),
        }
    }

    /// Gives a library that is kept a name in here.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub(super) fn link(&self, kept: &Path) -> Result<PathBuf, CopyError> {
        let path = self.path().join(kept.file_name().unwrap_or_default());
        match link(kept, &path) {
            Ok(()) => Ok(path),
            Err(source) => Err(CopyError { path, source }),
        }
    }
}

impl TempCopy {
    /// Appends a piece.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), CopyError> {
        self.len += piece.len() as u64;
        self.file
            .write_all(piece)
            .map_err(|source| self.failed(source))
    }

    /// What is written.
    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Names it `NAME-FINGERPRINT.so`, unless that is there already.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub(super) fn keep(
        self,
        name: &str,
        fingerprint: Fingerprint,
    ) -> Result<RuntimeCopy, CopyError> {
        let extension = std::env::consts::DLL_EXTENSION;
        let file_name = format!("{name}-{fingerprint}.{extension}");
        let path = self.file.path().with_file_name(file_name);
        // Copies appear by rename, so one that is there is whole, unless something else ate it.
        if fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() == self.len) {
            let whole = self.file.into_file();
            return Ok(RuntimeCopy { path, whole });
        }
        match self.file.persist(&path) {
            Ok(whole) => Ok(RuntimeCopy { path, whole }),
            Err(refused) => Err(CopyError {
                path,
                source: refused.error,
            }),
        }
    }

    fn failed(&self, source: io::Error) -> CopyError {
        CopyError {
            path: self.file.path().to_path_buf(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::load::library::sample;

    fn copy(dir: &RuntimeDir, bytes: &[u8]) -> Result<PathBuf, CopyError> {
        let mut draft = dir.draft()?;
        draft.write(bytes)?;
        let kept = draft.keep("logger", Fingerprint::of(bytes))?;
        Ok(kept.path)
    }

    #[test]
    fn is_named_by_its_content_and_read_only() {
        let (_base, dir) = sample::runtime_dir();
        let path = copy(&dir, b"code").unwrap();
        let name = format!("logger-{}.so", Fingerprint::of(b"code"));
        assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
        assert_eq!(fs::read(&path).unwrap(), b"code");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o500);
        drop(dir.draft().unwrap());
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn the_same_content_is_the_same_file() {
        let (_base, dir) = sample::runtime_dir();
        let first = copy(&dir, b"code").unwrap();
        let inode = fs::metadata(&first).unwrap().ino();
        let again = copy(&dir, b"code").unwrap();
        assert_eq!(
            (again, fs::metadata(&first).unwrap().ino()),
            (first.clone(), inode)
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let other = copy(&dir, b"edoc").unwrap();
        assert_ne!(other, first);
    }

    #[test]
    fn a_copy_that_lost_bytes_is_made_anew() {
        let (_base, dir) = sample::runtime_dir();
        let path = copy(&dir, b"code").unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "co").unwrap();
        copy(&dir, b"code").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"code");
    }

    #[test]
    fn a_directory_that_is_gone_is_an_error_that_names_it() {
        let (_base, dir) = sample::runtime_dir();
        fs::remove_dir(dir.path()).unwrap();
        let error = copy(&dir, b"code").unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
    }
}
