//! Files that the system sends by itself (`sendfile(2)`).
//!
//! hyper knows no files, but between its writer and the socket is a stream of ours. So a part of a file is a frame of a [`placeholder`],
//! which hyper queues as any other, without a look at its bytes; where the stream is to write them, it has the system send the file.

mod body;
mod socket;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use stackup_plugin::abi::host::FilePart;

pub(super) use self::body::SentFile;
pub(super) use self::socket::SendFile;

/// How many bytes of a file hyper gets at once. A connection that reads fast lets others have their turn after each.
const CHUNK: usize = 256 << 10;

/// Zeros that nobody reads, and that take no memory until somebody does.
static PLACEHOLDER: LazyLock<&[u8]> = LazyLock::new(|| Box::leak(vec![0; CHUNK].into()));

/// The frame in place of `length` bytes of a file; at most [`CHUNK`].
fn placeholder(length: usize) -> Bytes {
    Bytes::from_static(&PLACEHOLDER[..length])
}

/// Whether these are bytes of a [`placeholder`].
fn is_placeholder(bytes: &[u8]) -> bool {
    PLACEHOLDER.as_ptr_range().contains(&bytes.as_ptr())
}

/// A part of a file that hyper has got a placeholder for.
#[derive(Debug)]
struct Chunk {
    file: Arc<FilePart>,
    range: Range<u64>,
}

/// What a connection is to send from files, in the order of its bytes.
#[derive(Debug, Default)]
pub(super) struct FileQueue {
    /// Whether the stream below hyper can send files.
    is_open: AtomicBool,
    /// Whether `chunks` is not empty.
    has_any: AtomicBool,
    /// Both the body that adds some and the stream that sends them are polled in the connection's task.
    chunks: Mutex<VecDeque<Chunk>>,
}

impl FileQueue {
    /// The stream below hyper takes files, and nothing else looks at the bodies.
    pub(super) fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Adds a chunk. Returns the frame for hyper.
    fn push(&self, chunk: Chunk) -> Bytes {
        let length = chunk.range.end - chunk.range.start;
        self.chunks().push_back(chunk);
        self.has_any.store(true, Ordering::Relaxed);
        placeholder(length as usize)
    }

    /// Which of the slices is the first placeholder, if there is any.
    #[inline]
    pub(super) fn place(&self, slices: &[IoSlice<'_>]) -> Option<usize> {
        if !self.has_any.load(Ordering::Relaxed) {
            return None;
        }
        slices.iter().position(|slice| is_placeholder(slice))
    }

    /// Sends what the placeholder stands for, or a part of it.
    pub(super) fn poll_send(
        &self,
        placeholder: &[u8],
        socket: &mut impl SendFile,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut chunks = self.chunks();
        let Some(chunk) = chunks.front_mut() else {
            return Poll::Ready(Err(out_of_step()));
        };
        let Range { start, end } = chunk.range;
        if end - start != placeholder.len() as u64 {
            return Poll::Ready(Err(out_of_step()));
        }
        let file = chunk.file.as_fd();
        let sent = std::task::ready!(socket.poll_send_file(cx, file, start, placeholder.len()))?;
        if sent == 0 {
            tracing::error!(event = "body-failed", "a response's body failed: {SHORTER}");
            return Poll::Ready(Err(shorter()));
        }
        chunk.range.start += sent as u64;
        if chunk.range.is_empty() {
            chunks.pop_front();
            self.has_any.store(!chunks.is_empty(), Ordering::Relaxed);
        }
        Poll::Ready(Ok(sent))
    }

    fn chunks(&self) -> MutexGuard<'_, VecDeque<Chunk>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The response is cut then, and never padded.
const SHORTER: &str = "the file became shorter while it was sent";

fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, SHORTER)
}

/// hyper would have to write something else than it was given.
fn out_of_step() -> io::Error {
    io::Error::other("a file to send is not the one that the response has next")
}

#[cfg(test)]
mod tests;
