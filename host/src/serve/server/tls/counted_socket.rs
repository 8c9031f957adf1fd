//! The socket below TLS or HTTP/2: it knows how much its client has taken.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::serve::server::connection_state::ConnectionState;

/// Any socket. The ciphers cost far more than a call through a table.
pub(in crate::serve::server) trait Socket:
    AsyncRead + AsyncWrite + Unpin + Send + 'static
{
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// A socket that reports what goes out. TLS and HTTP/2 keep what it does not take: whether the client takes something shows
/// here only.
pub(in crate::serve::server) struct CountedSocket {
    socket: Box<dyn Socket>,
    state: Arc<ConnectionState>,
    /// What was read before it was known what the client speaks.
    read: Bytes,
}

impl CountedSocket {
    /// `read` was read of the socket, and is to be read again.
    pub(in crate::serve::server) fn new(
        socket: Box<dyn Socket>,
        read: Bytes,
        state: &Arc<ConnectionState>,
    ) -> Self {
        Self {
            socket,
            state: Arc::clone(state),
            read,
        }
    }

    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.state.took(*bytes);
        }
        written
    }
}

impl AsyncRead for CountedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.read.is_empty() {
            let length = self.read.len().min(buffer.remaining());
            buffer.put_slice(&self.read.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CountedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
