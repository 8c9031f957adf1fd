//! Why a manifest cannot be read.

use std::io;
use std::path::Path;

use crate::load::site_file;

/// Why a manifest's text cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error(
        "no such file\nhelp: create a site with `stackup new site NAME`, or give the manifest's path"
    )]
    Missing,
    /// The file was there before.
    #[error("the file was removed\nhelp: put it back")]
    Gone,
    /// It is a directory, a device or a socket.
    #[error("not a regular file\nhelp: give the path of the manifest itself")]
    NotAFile,
    /// The file is empty.
    #[error("the file is empty\nhelp: add at least an app: `run = \"name\"`")]
    Empty,
    /// Something keeps writing it.
    #[error("the file keeps changing\nhelp: save it again once nothing writes to it")]
    StillChanging,
    /// It is not to be read.
    #[error("{}", site_file::message(.0))]
    Refused(#[source] checked_file::ReadError),
    /// Any other I/O error.
    #[error("{0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::IsADirectory => Self::NotAFile,
            _ => Self::Io(error),
        }
    }
}

impl From<checked_file::ReadError> for ReadError {
    fn from(error: checked_file::ReadError) -> Self {
        match error {
            checked_file::ReadError::Io(error) => error.into(),
            checked_file::ReadError::NotRegular(_) => Self::NotAFile,
            error => Self::Refused(error),
        }
    }
}

/// The message for people: the path, the reason and the fix.
pub fn read_error_message(path: &Path, why: ReadError) -> String {
    let path = path.display();
    format!("failed to read the manifest `{path}`: {why}")
}
