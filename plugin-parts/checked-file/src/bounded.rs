//! Reads files that may be anything: a FIFO would block, a device would never end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::trust::TrustError;

/// A file that is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An error of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something else than a file has its name.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// It is larger than its limit, in bytes.
    #[error("it is larger than {}, the limit for this file", size(*.0))]
    TooLarge(u64),
    /// It should be text.
    #[error("it is not valid UTF-8")]
    NotText,
    /// Other users could have written it.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
}

impl ReadError {
    /// The same as an error of the system.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Io(error) => error,
            other => io::Error::other(other),
        }
    }
}

/// Opens the regular file at `path` for reading. Never blocks, and never makes a terminal this process's own.
///
/// # Errors
///
/// The system refuses it, or it is not a regular file.
pub fn open(path: &Path) -> Result<File, ReadError> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            // Sockets, and devices without a driver.
            Some(code) if code == rustix::io::Errno::NXIO.raw_os_error() => {
                ReadError::NotRegular("a socket or a device")
            }
            _ => error.into(),
        })?;
    // Of the file that is open: the one at the path may be another by now.
    let kind = file.metadata()?.file_type();
    match kind.is_file() {
        true => Ok(file),
        false if kind.is_dir() => Err(ReadError::NotRegular("a directory")),
        false if kind.is_fifo() => Err(ReadError::NotRegular("a FIFO")),
        false => Err(ReadError::NotRegular("a device")),
    }
}

/// Reads the whole regular file at `path`, of at most `limit` bytes.
///
/// # Errors
///
/// As [`open`], or it is larger.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    read_open(&open(path)?, limit)
}

/// The same for text.
///
/// # Errors
///
/// As [`read`], or it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    text(read(path, limit)?)
}

pub(crate) fn text(bytes: Vec<u8>) -> Result<String, ReadError> {
    String::from_utf8(bytes).map_err(|_| ReadError::NotText)
}

/// The size is counted and not asked for: a file may grow while it is read.
pub(crate) fn read_open(file: &File, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(ReadError::TooLarge(limit)),
        false => Ok(bytes),
    }
}

fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = |shift: u32| bytes >= 1 << shift && bytes.trailing_zeros() >= shift;
    match units.into_iter().find(|(shift, _)| whole(*shift)) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn file_up_to_its_limit_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        let error = read(&path, 4).unwrap_err().to_string();
        assert_eq!(error, "it is larger than 4 bytes, the limit for this file");
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(read_text(&path, 5), Err(ReadError::NotText)));
    }

    #[test]
    fn endless_and_blocking_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for (path, kind) in [
            (dir.path(), "a directory"),
            (&fifo, "a FIFO"),
            (&socket, "a socket or a device"),
            (Path::new("/dev/zero"), "a device"),
            (&link, "a device"),
        ] {
            let error = read(path, 8).unwrap_err().to_string();
            assert_eq!(error, format!("it is {kind}, not a regular file"));
        }
    }

    #[test]
    fn missing_file_keeps_the_kind_of_its_error() {
        let error = read(Path::new("/nowhere/f"), 8).unwrap_err();
        assert!(matches!(error, ReadError::Io(error) if error.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn limit_is_shown_in_whole_units() {
        for (bytes, shown) in [
            (1 << 20, "1 MiB"),
            (1 << 30, "1 GiB"),
            (65_536, "64 KiB"),
            (1_000, "1000 bytes"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }
}
