//! The file that is really loaded: a private copy, named by its content.
//!
//! A library that is mapped must never change: overwriting it is SIGSEGV, truncating it SIGBUS.
//! And a path that is loaded already gives the old code again, so each content has its own.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::content::Content;
use super::runtime_dir::RuntimeDir;
use super::vault::link;

/// A copy that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("no copy could be made at `{path}`: {source}")]
pub struct CopyError {
    path: PathBuf,
    source: io::Error,
}

impl RuntimeDir {
    /// Copies `content` to `NAME-FINGERPRINT.so`, unless it is there already, and says where.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub fn copy(&self, name: &str, content: &Content) -> Result<PathBuf, CopyError> {
        let extension = std::env::consts::DLL_EXTENSION;
        let path = self
            .path()
            .join(format!("{name}-{}.{extension}", content.fingerprint));
        // Copies appear by rename, so one that is there is whole, unless something else ate it.
        if fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() == content.facts.len) {
            return Ok(path);
        }
        match self.write(&path, &content.bytes) {
            Ok(()) => Ok(path),
            Err(source) => Err(CopyError { path, source }),
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

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Opened for writing as it is made, so that it can be read-only from the start.
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(0o500))
            .tempfile_in(self.path())?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::library::runtime_dir::Candidate;
    use crate::library::sample;

    fn runtime() -> (tempfile::TempDir, RuntimeDir) {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().to_path_buf();
        let dir = RuntimeDir::create(&[Candidate {
            path,
            variable: "TMPDIR",
        }])
        .unwrap();
        (base, dir)
    }

    #[test]
    fn is_named_by_its_content_and_read_only() {
        let (_base, dir) = runtime();
        let content = sample::content(b"code");
        let path = dir.copy("logger", &content).unwrap();
        let name = format!("logger-{}.so", content.fingerprint);
        assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
        assert_eq!(fs::read(&path).unwrap(), b"code");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o500);
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn the_same_content_is_the_same_file() {
        let (_base, dir) = runtime();
        let first = dir.copy("logger", &sample::content(b"code")).unwrap();
        let inode = fs::metadata(&first).unwrap().ino();
        let again = dir.copy("logger", &sample::content(b"code")).unwrap();
        assert_eq!(
            (again, fs::metadata(&first).unwrap().ino()),
            (first.clone(), inode)
        );
        let other = dir.copy("logger", &sample::content(b"edoc")).unwrap();
        assert_ne!(other, first);
    }

    #[test]
    fn a_copy_that_lost_bytes_is_made_anew() {
        let (_base, dir) = runtime();
        let path = dir.copy("logger", &sample::content(b"code")).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "co").unwrap();
        dir.copy("logger", &sample::content(b"code")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"code");
    }

    #[test]
    fn a_directory_that_is_gone_is_an_error_that_names_it() {
        let (_base, dir) = runtime();
        fs::remove_dir(dir.path()).unwrap();
        let error = dir
            .copy("logger", &sample::content(b"code"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
    }
}
