//! A manifest that is not there to be read, and what to do.

use std::io;
use std::path::Path;

/// Why a manifest's text can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It never was there.
    #[error(
        "there is no such file: make a site with `stackup new site NAME`, or give the manifest's path"
    )]
    Missing,
    /// It was there.
    #[error("the file is gone: put it back")]
    Gone,
    /// It is a directory, a device or a socket.
    #[error("this is not a regular file: give the path of the manifest itself")]
    NotAFile,
    /// Nothing in it.
    #[error("the file is empty: say at least what answers, as with `run = \"name\"`")]
    Empty,
    /// Something keeps writing it.
    #[error("the file is still changing: save it again when nothing writes it any more")]
    StillChanging,
    /// The system refused.
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

/// What a person reads of it.
pub fn read_error_message(path: &Path, why: ReadError) -> String {
    let path = path.display();
    format!("the manifest `{path}` can't be read: {why}")
}
