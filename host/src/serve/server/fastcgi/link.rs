//! The two directions of a connection: pieces of records in, whole records out.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::FastcgiError;
use super::record::{Decoder, Piece};
use crate::serve::server::send_file::SendFile;
use crate::serve::server::timed_socket::TimedSocket;

/// How much is read at a time.
const READ: usize = 16 << 10;

/// Above this, nothing is made that would wait to be sent.
const WAITING: usize = 64 << 10;

/// A connection's socket, what has arrived, and what is to be sent.
#[derive(Debug)]
pub(super) struct Link<S> {
    socket: TimedSocket<S>,
    input: Decoder,
    /// Whole records, but for what the socket has taken of the first one: it may be written whatever ends a request.
    pub(super) output: BytesMut,
}

impl<S: SendFile> Link<S> {
    pub(super) fn new(socket: TimedSocket<S>) -> Self {
        Self {
            socket,
            input: Decoder::default(),
            output: BytesMut::new(),
        }
    }

    /// The socket. What has arrived from it, and is not read, is lost.
    pub(super) fn into_socket(self) -> S {
        self.socket.into_socket()
    }

    /// Whether more may be made to be sent.
    pub(super) fn has_room(&self) -> bool {
        self.output.len() < WAITING
    }

    /// Whether something has arrived that is not read.
    pub(super) fn has_arrived(&self) -> bool {
        !self.input.is_between_records()
    }

    /// The next piece that arrives; none at the end.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Piece>, FastcgiError>> {
        loop {
            if let Some(piece) = self.input.next()? {
                return Poll::Ready(Ok(Some(piece)));
            }
            let buffer = self.input.buffer();
            buffer.reserve(READ);
            let read = pin!(self.socket.read_buf(buffer));
            if ready!(read.poll(cx))? == 0 {
                return Poll::Ready(match self.input.is_between_records() {
                    true => Ok(None),
                    false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                });
            }
        }
    }

    /// Sends all that is to be sent.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = Pin::new(&mut self.socket).poll_write(cx, &self.output);
            self.advance(ready!(written)?)?;
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// The same as a future.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Sends all that is to be sent, and that it was the last. By TCP both arrive at once, so that a front server which keeps
    /// connections finds this one closed when it looks, and does not send another request.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        while S::SENDS_FILES && !self.output.is_empty() {
            let (socket, output) = (&mut self.socket, &self.output);
            let slices = [IoSlice::new(output)];
            let written = poll_fn(|cx| socket.poll_write_before_file(cx, &slices)).await?;
            self.advance(written)?;
        }
        if !S::SENDS_FILES {
            self.flush().await?;
        }
        poll_fn(|cx| Pin::new(&mut self.socket).poll_shutdown(cx)).await?;
        self.flush().await
    }

    fn advance(&mut self, written: usize) -> io::Result<()> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.output.advance(written);
        Ok(())
    }
}
