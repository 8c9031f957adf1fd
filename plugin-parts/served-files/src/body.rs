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

/// How many bytes are read, and held, at once.
pub const CHUNK: usize = 64 * 1024;

/// A part of a body.
pub(crate) enum Piece {
    Text(Bytes),
    /// Bytes of the file.
    Range(Range<u64>),
}

/// Pieces, one after another.
pub(crate) struct FileBody {
    /// None if no piece is a range of it.
    file: Option<Arc<File>>,
    pieces: VecDeque<Piece>,
    /// The chunk that is being read.
    reading: Option<Task<io::Result<Bytes>>>,
    left: u64,
}

impl FileBody {
    pub(crate) fn new(file: Option<Arc<File>>, pieces: impl IntoIterator<Item = Piece>) -> Self {
        let pieces: VecDeque<_> = pieces.into_iter().collect();
        let length = |piece: &Piece| match piece {
            Piece::Text(text) => text.len() as u64,
            Piece::Range(range) => range.end.saturating_sub(range.start),
        };
        Self {
            left: pieces.iter().map(length).sum(),
            file,
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
            let file = self.file.as_ref()?;
            let end = range.end.min(range.start + CHUNK as u64);
            let chunk = range.start..end;
            if let Some(bytes) = read_at_once(file, &chunk) {
                range.start += bytes.len() as u64;
                return Some(bytes);
            }
            range.start = end;
            let file = Arc::clone(file);
            self.reading = Some(blocking::unblock(move || read(&file, chunk)));
            return None;
        }
    }
}

/// Reads what of a range is in the system's cache, if that begins with it. Does not wait for a disk.
#[cfg(target_os = "linux")]
pub(crate) fn read_at_once(file: &File, range: &Range<u64>) -> Option<Bytes> {
    use rustix::io::{ReadWriteFlags, preadv2};

    let mut chunk = vec![0; (range.end - range.start) as usize];
    let mut slices = [io::IoSliceMut::new(&mut chunk)];
    // An error is for the thread to find again and tell: this may be one for want of the cache only,
    // or because the file system has no such call.
    let read = preadv2(file, &mut slices, range.start, ReadWriteFlags::NOWAIT).ok()?;
    chunk.truncate(read);
    (read > 0).then(|| chunk.into())
}

/// Only Linux tells.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read_at_once(_file: &File, _range: &Range<u64>) -> Option<Bytes> {
    None
}

/// Reads a range of at most [`CHUNK`] bytes, all of it. Blocks.
pub(crate) fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let mut chunk = vec![0; (range.end - range.start).min(CHUNK as u64) as usize];
    file.read_exact_at(&mut chunk, range.start)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "the file became shorter while it was sent")
            }
            _ => error,
        })?;
    Ok(chunk.into())
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
        FileBody::new(Some(Arc::new(file)), pieces)
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
