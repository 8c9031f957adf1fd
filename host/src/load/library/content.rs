//! A library file, read once.
//!
//! What is hashed is what is copied, piece by piece, and all that is done later is done with the copy: nobody
//! can swap the file between the check and the use.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::fingerprint::{Fingerprint, Hasher};
use super::runtime_copy::{CopyError, TempCopy};
use super::runtime_dir::RuntimeDir;
use super::settle::FileStat;

/// What is read, hashed and written at once. It stays in the processor's cache, and a file that grows by 2 MiB and more
/// at once took ten times as long (ext4, Linux 6.18; huge pages probably).
const PIECE: usize = 64 << 10;

/// A copy of a library's bytes, and what they hash to.
#[derive(Debug)]
pub(super) struct Content {
    /// All of the file.
    pub(super) draft: TempCopy,
    /// The hash of it.
    pub(super) fingerprint: Fingerprint,
    /// Which file was read.
    pub(super) facts: FileStat,
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
    /// It was read, but could not be written.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

impl Content {
    /// Reads the file at `path`, which settled with these `facts`, into a draft in `dir`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Changed`] if it is not, or did not stay, the file that settled: settle again.
    pub(super) fn read(
        path: &Path,
        settled: FileStat,
        dir: &RuntimeDir,
    ) -> Result<Self, ReadError> {
        // Non-blocking, for a FIFO put in the file's place must not hang us.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(gone)?;
        Self::read_open(file, settled, dir, || ())
    }

    /// `then` runs between the reading and the second look.
    fn read_open(
        mut file: File,
        settled: FileStat,
        dir: &RuntimeDir,
        then: impl FnOnce(),
    ) -> Result<Self, ReadError> {
        let before = file.metadata()?;
        if !before.is_file() || FileStat::of(&before) != settled {
            return Err(ReadError::Changed);
        }
        let mut draft = dir.draft()?;
        let mut hasher = Hasher::default();
        let mut piece = [0; PIECE];
        let mut left = settled.len;
        loop {
            let count = match file.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            if count == 0 {
                break;
            }
            // One that grows as fast as it is read would never end.
            left = left.checked_sub(count as u64).ok_or(ReadError::Changed)?;
            hasher.update(&piece[..count]);
            draft.write(&piece[..count])?;
        }
        then();
        let after = FileStat::of(&file.metadata()?);
        if after != settled || left != 0 {
            return Err(ReadError::Changed);
        }
        Ok(Self {
            draft,
            fingerprint: hasher.finish(),
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
    use std::io::{Seek, Write};

    use super::*;
    use crate::load::library::sample;

    fn facts(path: &Path) -> FileStat {
        FileStat::of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn hashes_what_it_copies() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "abc").unwrap();
        let (_base, runtime) = sample::runtime_dir();
        for len in [0, 3, PIECE, PIECE + 1, 3 * PIECE] {
            let bytes: Vec<_> = (0..len).map(|at| (at % 251) as u8).collect();
            fs::write(&path, &bytes).unwrap();
            let content = Content::read(&path, facts(&path), &runtime).unwrap();
            assert_eq!(content.fingerprint, Fingerprint::of(&bytes));
            let mut copy = content.draft.keep("lib", content.fingerprint).unwrap();
            let mut read = Vec::new();
            copy.whole.rewind().unwrap();
            copy.whole.read_to_end(&mut read).unwrap();
            assert_eq!(
                (&read, fs::read(copy.path).unwrap()),
                (&bytes, bytes.clone())
            );
        }
    }

    #[test]
    fn a_file_that_is_not_the_settled_one_is_changed() {
        let (_base, runtime) = sample::runtime_dir();
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&path, "abc").unwrap();
        let settled = facts(&path);
        fs::write(&other, "abd").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(matches!(
            Content::read(&path, settled, &runtime),
            Err(ReadError::Changed)
        ));
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            Content::read(&path, settled, &runtime),
            Err(ReadError::Changed)
        ));
    }

    #[test]
    fn a_file_that_grew_since_it_settled_is_changed() {
        let (_base, runtime) = sample::runtime_dir();
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
            Content::read(&path, settled, &runtime),
            Err(ReadError::Changed)
        ));
    }

    #[test]
    fn a_file_written_while_it_is_read_is_changed() {
        let (_base, runtime) = sample::runtime_dir();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "abc").unwrap();
        let write = || fs::write(&path, "longer").unwrap();
        let result = Content::read_open(File::open(&path).unwrap(), facts(&path), &runtime, write);
        assert!(matches!(result, Err(ReadError::Changed)));
    }
}
