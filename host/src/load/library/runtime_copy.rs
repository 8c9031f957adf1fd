//! The file that is actually loaded: a private copy, named by its content.
//!
//! A mapped library must never change: overwriting it causes SIGSEGV, truncating it SIGBUS. And loading a
//! path that is already loaded returns the old code, so each content needs its own path.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::fingerprint::Fingerprint;
use super::runtime_dir::RuntimeDir;
use super::settle::FileStat;
use super::store::link;

/// The copy could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to copy the library to `{path}`: {source}")]
pub struct CopyError {
    path: PathBuf,
    source: io::Error,
}

/// A copy being written, removed on drop unless it is persisted.
#[derive(Debug)]
pub(super) struct TempCopy {
    file: NamedTempFile,
    len: u64,
}

/// A copy under its final name.
#[derive(Debug)]
pub(super) struct RuntimeCopy {
    /// The file to load.
    pub(super) path: PathBuf,
    /// A file with the whole content. The one at `path` may lack its unmapped part if it existed before.
    pub(super) full: File,
}

impl RuntimeDir {
    /// An empty temporary copy.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub(super) fn temp_copy(&self) -> Result<TempCopy, CopyError> {
        // Creating it opens it for writing, so its permissions can be read-only from the start.
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

    /// Links a saved library into this directory.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub(super) fn link(&self, saved: &Path) -> Result<PathBuf, CopyError> {
        let path = self.path().join(saved.file_name().unwrap_or_default());
        match link(saved, &path) {
            Ok(()) => Ok(path),
            Err(source) => Err(CopyError { path, source }),
        }
    }
}

impl RuntimeCopy {
    /// Whether the file at `path`, which is about to be mapped, is the one that was hashed, or has the same content.
    pub(super) fn is_in_place(&self, fingerprint: Fingerprint) -> bool {
        let hashed = |file: &File| Fingerprint::of_file(file).is_ok_and(|it| it == fingerprint);
        let Ok(there) = checked_file::open(&self.path) else {
            return false;
        };
        match (there.metadata(), self.full.metadata()) {
            (Ok(there), Ok(full)) if FileStat::of(&there).has_content_of(&FileStat::of(&full)) => {
                true
            }
            _ => hashed(&there),
        }
    }
}

impl TempCopy {
    /// Appends a chunk.
    pub(super) fn write(&mut self, chunk: &[u8]) -> Result<(), CopyError> {
        self.len += chunk.len() as u64;
        // Not by the temporary file's own method, which puts a name into the error that nobody knows.
        self.file
            .as_file_mut()
            .write_all(chunk)
            .map_err(|source| self.failed(source))
    }

    /// The file, with what is written so far.
    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Renames it to `NAME-FINGERPRINT.so`, unless that exists already.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub(super) fn persist(
        self,
        name: &str,
        fingerprint: Fingerprint,
    ) -> Result<RuntimeCopy, CopyError> {
        let extension = std::env::consts::DLL_EXTENSION;
        let file_name = format!("{name}-{fingerprint}.{extension}");
        let path = self.file.path().with_file_name(file_name);
        // Copies appear by rename, so an existing one is complete unless something else damaged it.
        if fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() == self.len) {
            let full = self.file.into_file();
            return Ok(RuntimeCopy { path, full });
        }
        match self.file.persist(&path) {
            Ok(full) => Ok(RuntimeCopy { path, full }),
            Err(refused) => Err(CopyError {
                path,
                source: refused.error,
            }),
        }
    }

    fn failed(&self, source: io::Error) -> CopyError {
        let path = self.file.path();
        CopyError {
            path: path.parent().unwrap_or(path).to_path_buf(),
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
        let mut temp = dir.temp_copy()?;
        temp.write(bytes)?;
        let copy = temp.persist("logger", Fingerprint::of(bytes))?;
        Ok(copy.path)
    }

    #[test]
    fn copy_is_named_by_content_and_read_only() {
        let (_base, dir) = sample::runtime_dir();
        let path = copy(&dir, b"code").unwrap();
        let name = format!("logger-{}.so", Fingerprint::of(b"code"));
        assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
        assert_eq!(fs::read(&path).unwrap(), b"code");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o500);
        drop(dir.temp_copy().unwrap());
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn same_content_is_one_file() {
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
    fn truncated_copy_is_replaced() {
        let (_base, dir) = sample::runtime_dir();
        let path = copy(&dir, b"code").unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "co").unwrap();
        copy(&dir, b"code").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"code");
    }

    #[test]
    fn missing_directory_is_named_in_the_error() {
        let (_base, dir) = sample::runtime_dir();
        fs::remove_dir(dir.path()).unwrap();
        let error = copy(&dir, b"code").unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
    }
}
