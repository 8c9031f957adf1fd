//! A body that is read from a file while it is sent.

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use blocking::Task;
use bytes::Bytes;
use stackup_plugin::Error;
use stackup_plugin::http_body::{Body, Frame, SizeHint};

use crate::buffers::Buffers;

/// How many bytes are read, and held, at once.
pub const CHUNK: usize = 64 * 1024;

/// A part of a body.
pub(crate) enum Piece {
    Text(Bytes),
    /// Bytes of the file.
    Range(Range<u64>),
}

/// A file, and the buffers for its chunks.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) file: Arc<File>,
    pub(crate) buffers: Arc<Buffers>,
}

/// Pieces, one after another.
pub(crate) struct FileBody {
    /// None if no piece is a range of it.
    source: Option<Source>,
    pieces: VecDeque<Piece>,
    /// The chunk that is being read.
    reading: Option<Task<io::Result<Bytes>>>,
    left: u64,
}

impl FileBody {
    pub(crate) fn new(source: Option<Source>, pieces: impl IntoIterator<Item = Piece>) -> Self {
        let pieces: VecDeque<_> = pieces.into_iter().collect();
        let length = |piece: &Piece| match piece {
            Piece::Text(text) => text.len() as u64,
            Piece::Range(range) => range.end.saturating_sub(range.start),
        };
        Self {
            left: pieces.iter().map(length).sum(),
            source,
            pieces,
            reading: None,
        }
    }

    pub(crate) fn length(&self) -> u64 {
        self.left
    }

    /// What comes next, if it is there, or begins to read it; none at the end.
    fn next(&mut self) -> Option<Bytes> {
        loop {
            let range = match self.pieces.front_mut()? {
                Piece::Range(range) if !range.is_empty() => range,
                Piece::Range(_) => {
                    self.pieces.pop_front();
                    continue;
                }
                Piece::Text(text) => {
                    let text = std::mem::take(text);
                    self.pieces.pop_front();
                    if text.is_empty() {
                        continue;
                    }
                    return Some(text);
                }
            };
            let source = self.source.as_ref()?;
            let end = range.end.min(range.start + CHUNK as u64);
            let chunk = range.start..end;
            if let Some(bytes) = source.read_at_once(&chunk) {
                range.start += bytes.len() as u64;
                return Some(bytes);
            }
            range.start = end;
            let source = source.clone();
            self.reading = Some(blocking::unblock(move || source.read(chunk)));
            return None;
        }
    }
}

impl Source {
    /// Reads what of a range is in the system's cache, if that begins with it. Does not wait for a disk.
    fn read_at_once(&self, range: &Range<u64>) -> Option<Bytes> {
        let mut buffer = self.buffers.take();
        let space = buffer.space((range.end - range.start) as usize);
        let read = read_at_once(&self.file, space, range.start)?;
        (read > 0).then(|| buffer.filled(read))
    }

    /// Reads a range of at most [`CHUNK`] bytes, all of it. Blocks.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let mut buffer = self.buffers.take();
        let space = buffer.space((range.end - range.start) as usize);
        let length = space.len();
        read(&self.file, space, range.start)?;
        Ok(buffer.filled(length))
    }
}

/// Reads what is in the system's cache. Does not wait for a disk. Returns how many bytes that is.
#[cfg(target_os = "linux")]
pub(crate) fn read_at_once(file: &File, space: &mut [u8], start: u64) -> Option<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};

    // An error is for the thread to find again and tell: this may be one for want of the cache only,
    // or because the file system has no such call.
    let mut slices = [io::IoSliceMut::new(space)];
    preadv2(file, &mut slices, start, ReadWriteFlags::NOWAIT).ok()
}

/// Only Linux tells.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read_at_once(_file: &File, _space: &mut [u8], _start: u64) -> Option<usize> {
    None
}

/// Fills `space`. Blocks.
pub(crate) fn read(file: &File, space: &mut [u8], start: u64) -> io::Result<()> {
    file.read_exact_at(space, start)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "the file became shorter while it was sent")
            }
            _ => error,
        })
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let ready = match self.reading {
            Some(_) => None,
            None => self.next(),
        };
        let chunk = match (ready, &mut self.reading) {
            (Some(chunk), _) => chunk,
            (None, None) => return Poll::Ready(None),
            (None, Some(reading)) => {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                match read {
                    Ok(chunk) => chunk,
                    Err(error) => return Poll::Ready(Some(Err(error.into()))),
                }
            }
        };
        self.left = self.left.saturating_sub(chunk.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::block_on;

    use super::*;

    fn body(content: &[u8], pieces: Vec<Piece>) -> FileBody {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(content, 0).unwrap();
        let source = Source {
            file: Arc::new(file),
            buffers: Arc::default(),
        };
        FileBody::new(Some(source), pieces)
    }

    async fn chunks(body: FileBody) -> Result<Vec<usize>, Error> {
        let mut body = stackup_plugin::Body::new(body);
        let mut chunks = Vec::new();
        while let Some(frame) = body.frame().await {
            chunks.push(frame?.into_data().unwrap().len());
        }
        Ok(chunks)
    }

    #[test]
    fn it_is_read_chunk_by_chunk() {
        let content = vec![b'x'; 2 * CHUNK + 7];
        let body = body(&content, vec![Piece::Range(0..content.len() as u64)]);
        assert_eq!(body.length(), content.len() as u64);
        let chunks = block_on(chunks(body)).unwrap();
        // The system may have had a part of one only.
        assert!(
            chunks.len() >= 3 && chunks.iter().all(|chunk| *chunk <= CHUNK),
            "{chunks:?}"
        );
        assert_eq!(chunks.iter().sum::<usize>(), content.len());
    }

    #[test]
    fn pieces_come_in_their_order_and_empty_ones_not_at_all() {
        let text = |text: &'static str| Piece::Text(Bytes::from_static(text.as_bytes()));
        let pieces = vec![
            text("<"),
            text(""),
            Piece::Range(3..5),
            Piece::Range(5..5),
            text("|"),
            Piece::Range(0..2),
            text(">"),
        ];
        let body = stackup_plugin::Body::new(body(b"012345", pieces));
        assert_eq!(body.size_hint().exact(), Some(7));
        let all = block_on(body.collect(100)).unwrap();
        assert_eq!(all.bytes, "<34|01>");
        assert_eq!(block_on(chunks(self::body(b"", vec![]))).unwrap(), [0; 0]);
    }

    #[test]
    fn file_that_became_shorter_is_an_error() {
        let body = body(b"0123", vec![Piece::Range(0..5)]);
        let error = block_on(chunks(body)).unwrap_err();
        assert_eq!(error.message(), "the file became shorter while it was sent");
    }
}
