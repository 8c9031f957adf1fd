//! A body that need not be read, since its bytes are in a file.

use std::fmt;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

use http_body::Body;

use super::HostBody;
use crate::abi::body::RawFile;

/// A body, and where its bytes are as well.
pub struct FileBody {
    pub(super) body: HostBody,
    part: FilePart,
}

/// A part of an open file.
pub struct FilePart {
    file: RawFile,
    /// Where it is, in bytes.
    pub range: Range<u64>,
}

impl FileBody {
    /// A body whose bytes are those of the file from `start` on; only the body if its length is not known.
    pub fn of(body: HostBody, file: impl Into<RawFile>, start: u64) -> HostBody {
        let length = body.size_hint().exact();
        let Some(end) = length.and_then(|length| start.checked_add(length)) else {
            return body;
        };
        let range = start..end;
        let file = file.into();
        let part = FilePart { file, range };
        HostBody::File(Box::new(Self { body, part }))
    }

    /// The body for who reads it, and the file for who does not.
    pub fn into_parts(self) -> (HostBody, FilePart) {
        (self.body, self.part)
    }
}

impl AsFd for FilePart {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl fmt::Debug for FilePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilePart")
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
