//! Reads a library file once.
//!
//! The bytes that are hashed are the bytes that are copied, and every later step uses the copy, so the file
//! can't be swapped between the check and the use.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::fingerprint::{Fingerprint, Hasher};
use super::runtime_copy::{CopyError, TempCopy};
use super::runtime_dir::RuntimeDir;
use super::settle::FileStat;

/// How many bytes are read, hashed and written at a time. They fit in the processor's cache; and growing a file by 2 MiB
/// or more at a time took ten times as long (ext4, Linux 6.18; probably because of huge pages).
const CHUNK: usize = 64 << 10;

/// A copy of a library's bytes, and their hash.
#[derive(Debug)]
pub(super) struct Content {
    /// The whole file.
    pub(super) copy: TempCopy,
    /// Its hash.
    pub(super) fingerprint: Fingerprint,
    /// The file that was read.
    pub(super) stat: FileStat,
}

/// A file that could not be read completely.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It was written while it was read.
    #[error("the file changed while it was read")]
    Changed,
    /// An error of the system.
    #[error("the file can't be read: {0}")]
    Io(#[from] io::Error),
    /// The copy could not be written.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

impl Content {
    /// Reads the file at `path`, which `settled`, into a temporary copy in `dir`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Changed`] if it is not the file that settled, or changed during the read: settle again.
    pub(super) fn read(
        path: &Path,
        settled: FileStat,
        dir: &RuntimeDir,
    ) -> Result<Self, ReadError> {
        // Non-blocking, so that a FIFO in the file's place can't block this thread.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(open_error)?;
        Self::read_open(file, settled, dir, || ())
    }

    /// `then` runs after the read and before the second `stat`.
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
        let mut copy = dir.temp_copy()?;
        let mut hasher = Hasher::default();
        let mut chunk = [0; CHUNK];
        let mut left = settled.len;
        loop {
            let count = match file.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            if count == 0 {
                break;
            }
            // A file that grows as fast as it is read would never end.
            left = left.checked_sub(count as u64).ok_or(ReadError::Changed)?;
            hasher.update(&chunk[..count]);
            copy.write(&chunk[..count])?;
        }
        then();
        let after = FileStat::of(&file.metadata()?);
        if after != settled || left != 0 {
            return Err(ReadError::Changed);
        }
        Ok(Self {
            copy,
            fingerprint: hasher.finish(),
            stat: settled,
        })
    }
}

fn open_error(error: io::Error) -> ReadError {
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

    fn stat_of(path: &Path) -> FileStat {
        FileStat::of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn copied_bytes_are_the_hashed_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "abc").unwrap();
        let (_base, runtime) = sample::runtime_dir();
        for len in [0, 3, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let bytes: Vec<_> = (0..len).map(|at| (at % 251) as u8).collect();
            fs::write(&path, &bytes).unwrap();
            let content = Content::read(&path, stat_of(&path), &runtime).unwrap();
            assert_eq!(content.fingerprint, Fingerprint::of(&bytes));
            let mut copy = content.copy.persist("lib", content.fingerprint).unwrap();
            let mut read = Vec::new();
            copy.full.rewind().unwrap();
            copy.full.read_to_end(&mut read).unwrap();
            assert_eq!(
                (&read, fs::read(copy.path).unwrap()),
                (&bytes, bytes.clone())
            );
        }
    }

    #[test]
    fn another_file_than_the_settled_one_is_changed() {
        let (_base, runtime) = sample::runtime_dir();
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&path, "abc").unwrap();
        let settled = stat_of(&path);
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
    fn file_grown_since_it_settled_is_changed() {
        let (_base, runtime) = sample::runtime_dir();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "abc").unwrap();
        let settled = stat_of(&path);
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
    fn file_written_during_the_read_is_changed() {
        let (_base, runtime) = sample::runtime_dir();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        fs::write(&path, "abc").unwrap();
        let write = || fs::write(&path, "longer").unwrap();
        let result =
            Content::read_open(File::open(&path).unwrap(), stat_of(&path), &runtime, write);
        assert!(matches!(result, Err(ReadError::Changed)));
    }
}
