//! The body of a response whose file the system sends.

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};
use stackup_plugin::abi::host::{Failure, FilePart, HostBody, record_poll};
use tokio::task::JoinHandle;

use super::super::connection_state::ConnectionState;
use super::{CHUNK, Chunk, shorter};

/// How much is read at once of what is not in the system's cache.
const READ: usize = 64 << 10;

/// Its frames are placeholders; the stream below hyper sends the file.
pub(in crate::serve::server) struct SentFile {
    file: Arc<FilePart>,
    left: Range<u64>,
    connection: Arc<ConnectionState>,
    /// Fills the system's cache with the next chunk, where that waits for a disk.
    reading: Option<JoinHandle<io::Result<()>>>,
}

impl SentFile {
    /// Has the system send the body if it is in a file, and if the connection can. Else it stays as it is.
    pub(in crate::serve::server) fn take_over(
        body: HostBody,
        connection: &Arc<ConnectionState>,
        generation: u64,
    ) -> HostBody {
        let file = match body {
            HostBody::File(file) if connection.files.is_open() => file,
            body => return body,
        };
        let (body, part) = file.into_parts();
        // A plugin's code, as when it is polled.
        record_poll(generation, || drop(body));
        HostBody::Stream(Box::pin(Self {
            left: part.range.clone(),
            file: Arc::new(part),
            connection: Arc::clone(connection),
            reading: None,
        }))
    }

    /// The next chunk; empty at the end.
    fn next(&self) -> Range<u64> {
        let Range { start, end } = self.left;
        start..end.min(start + CHUNK as u64)
    }
}

impl Body for SentFile {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        let range = this.next();
        if range.is_empty() {
            return Poll::Ready(None);
        }
        if this.reading.is_none() && !is_cached(&this.file, &range) {
            let (file, range) = (Arc::clone(&this.file), range.clone());
            this.reading = Some(tokio::task::spawn_blocking(move || read(&file, range)));
        }
        if let Some(reading) = &mut this.reading {
            let read = ready!(Pin::new(reading).poll(cx));
            this.reading = None;
            if let Err(error) = read.unwrap_or_else(|error| Err(error.into())) {
                let failure = Failure::body(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
                return Poll::Ready(Some(Err(failure)));
            }
        }
        this.left.start = range.end;
        let file = Arc::clone(&this.file);
        let frame = this.connection.files.push(Chunk { file, range });
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.end - self.left.start)
    }
}

/// Whether the system has the chunk in its cache, judged by its first and its last byte. To send what it does not have would make the
/// thread wait for a disk.
fn is_cached(file: &FilePart, range: &Range<u64>) -> bool {
    let has = |at: u64| {
        let mut byte = [0];
        let mut slices = [io::IoSliceMut::new(&mut byte)];
        preadv2(file.as_fd(), &mut slices, at, ReadWriteFlags::NOWAIT) == Ok(1)
    };
    has(range.start) && has(range.end - 1)
}

/// Reads the chunk, so that the system has it in its cache. Blocks.
fn read(file: &FilePart, range: Range<u64>) -> io::Result<()> {
    let mut buffer = vec![0; READ.min((range.end - range.start) as usize)];
    let mut at = range.start;
    while at < range.end {
        let length = buffer.len().min((range.end - at) as usize);
        match pread(file.as_fd(), &mut buffer[..length], at) {
            Ok(0) => return Err(shorter()),
            Ok(read) => at += read as u64,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
