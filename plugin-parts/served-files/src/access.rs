//! The two ways to a file: on a thread that may wait for a disk, and at once, with what the kernel has in memory.

use std::fs::File;
use std::io;

use bytes::Bytes;

use crate::body::{read, read_at_once};
use crate::open::{Opened, open, open_at_once};
use crate::path::FilePath;
use crate::root::Root;

/// Opens and reads files; none where it may not wait, and would have to.
pub(crate) trait Access {
    /// Opens what `path` names below `root`, if that may be served.
    fn open(&self, root: &Root, path: &FilePath) -> io::Result<Option<Opened>>;

    /// All of a file of `length` bytes, at most a chunk.
    fn read(&self, file: &File, length: u64) -> io::Result<Option<Bytes>>;
}

/// Waits where it has to.
pub(crate) struct Waiting;

impl Access for Waiting {
    fn open(&self, root: &Root, path: &FilePath) -> io::Result<Option<Opened>> {
        open(root, path).map(Some)
    }

    fn read(&self, file: &File, length: u64) -> io::Result<Option<Bytes>> {
        let mut content = vec![0; length as usize];
        read(file, &mut content, 0)?;
        Ok(Some(content.into()))
    }
}

/// Never waits. The kernel has to know all names, and the content; see [`open_at_once`].
pub(crate) struct AtOnce;

impl Access for AtOnce {
    fn open(&self, root: &Root, path: &FilePath) -> io::Result<Option<Opened>> {
        Ok(match root.shows(path) {
            true => open_at_once(root, path),
            false => Some(Opened::Nothing),
        })
    }

    fn read(&self, file: &File, length: u64) -> io::Result<Option<Bytes>> {
        if length == 0 {
            return Ok(Some(Bytes::new()));
        }
        let mut content = vec![0; length as usize];
        let read = read_at_once(file, &mut content, 0);
        let is_whole = read == Some(content.len());
        Ok(is_whole.then(|| content.into()))
    }
}
