//! A library file, read once.
//!
//! What is hashed, described and copied are the bytes of one open file, so that nobody can swap the
//! file between the check and the use.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::fingerprint::Fingerprint;
use super::settle::FileFacts;

/// The bytes of a library, and what they hash to.
#[derive(Debug)]
pub struct Content {
    /// All of the file.
    pub bytes: Vec<u8>,
    /// The hash of `bytes`.
    pub fingerprint: Fingerprint,
    /// Which file was read.
    pub facts: FileFacts,
}

/// A file that could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Somebody wrote it meanwhile.
    #[error("the file changed while it was read")]
    Changed,
    /// The system refused.
    #[error("the file can't be read: {0}")]
    Io(#[from] io::Error),
}

impl Content {
    /// Reads the file at `path`, which settled with these `facts`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Changed`] if it is not, or did not stay, the file that settled: settle again.
    pub fn read(path: &Path, settled: FileFacts) -> Result<Self, ReadError> {
        // Non-blocking, for a FIFO put in the file's place must not hang us.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(gone)?;
        Self::read_open(file, settled, || ())
    }

    /// Reads a file of this program's own, whose content is known.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub(super) fn known(path: &Path, fingerprint: Fingerprint) -> Result<Self, ReadError> {
        let facts = FileFacts::of(&std::fs::metadata(path)?);
        Ok(Self {
            bytes: std::fs::read(path)?,
            fingerprint,
            facts,
        })
    }

    /// `then` runs between the reading and the second look.
    fn read_open(
        mut file: File,
        settled: FileFacts,
        then: impl FnOnce(),
    ) -> Result<Self, ReadError> {
        let before = file.metadata()?;
        if !before.is_file() || FileFacts::of(&before) != settled {
            return Err(ReadError::Changed);
        }
        let mut bytes = Vec::new();
        let len = usize::try_from(settled.len).map_err(io::Error::other)?;
        bytes.try_reserve_exact(len).map_err(io::Error::other)?;
        file.read_to_end(&mut bytes)?;
        then();
        let after = FileFacts::of(&file.metadata()?);
        if after != settled || bytes.len() != len {
            return Err(ReadError::Changed);
        }
        Ok(Self {
            fingerprint: Fingerprint::of(&bytes),
            bytes,
            facts: settled,
        })
    }
}

fn gone(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound => ReadError::Changed,
        _ => ReadError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn facts(path: &Path) -> FileFacts {
        FileFacts::of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn hashes_the_bytes_it_returns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "abc").unwrap();
        let content = Content::read(&path, facts(&path)).unwrap();
        assert_eq!(content.bytes, b"abc");
        assert_eq!(content.fingerprint, Fingerprint::of(b"abc"));
    }

    #[test]
    fn a_file_that_is_not_the_settled_one_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&path, "abc").unwrap();
        let settled = facts(&path);
        fs::write(&other, "abd").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(matches!(
            Content::read(&path, settled),
            Err(ReadError::Changed)
        ));
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            Content::read(&path, settled),
            Err(ReadError::Changed)
        ));
    }

    #[test]
    fn a_file_that_grew_since_it_settled_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "abc").unwrap();
        let settled = facts(&path);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"d")
            .unwrap();
        assert!(matches!(
            Content::read(&path, settled),
            Err(ReadError::Changed)
        ));
    }

    #[test]
    fn a_file_written_while_it_is_read_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "abc").unwrap();
        let write = || fs::write(&path, "longer").unwrap();
        let result = Content::read_open(File::open(&path).unwrap(), facts(&path), write);
        assert!(matches!(result, Err(ReadError::Changed)));
    }
}
