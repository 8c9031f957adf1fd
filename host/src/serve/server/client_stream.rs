//! The bytes of a connection, between its socket and hyper: what hyper does not check or limit is checked and limited here.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection_state::ConnectionState;
use super::framing::FramingError;
use super::send_file::SendFile;

/// The stream that hyper reads from and writes to.
#[derive(Debug)]
pub(super) struct ClientStream<S> {
    socket: S,
    state: Arc<ConnectionState>,
    /// Why nothing more is read.
    refused: Option<FramingError>,
    /// The rest of interim responses that the socket has begun to take.
    interim: Bytes,
}

impl<S> ClientStream<S> {
    pub(super) fn new(socket: S, state: &Arc<ConnectionState>) -> Self {
        Self {
            socket,
            state: Arc::clone(state),
            refused: None,
            interim: Bytes::new(),
        }
    }

    /// The socket without checks.
    pub(super) fn into_socket(self) -> S {
        self.socket
    }

    /// Why nothing more is read.
    pub(super) fn refused(&self) -> Option<FramingError> {
        self.refused
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    /// Fails at the first byte that is refused. The bytes before it are read first, so that hyper has answered the
    /// requests before this one when it meets the error.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(error) = this.refused {
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, error)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(cx, buffer))?;
        let arrived = this.state.arrivals().arrive(&buffer.filled()[before..]);
        if let Err(refused) = arrived {
            this.refused = Some(refused.error);
            if refused.valid == 0 {
                buffer.set_filled(before);
                return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, refused.error)));
            }
            buffer.set_filled(before + refused.valid);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> ClientStream<S> {
    /// Writes the rest of interim responses, which stand before anything else.
    #[cold]
    fn write_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.interim))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.interim.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + SendFile + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.interim.is_empty() {
            ready!(self.write_interim(cx))?;
        }
        let this = &mut *self;
        if this.state.files.place(&[IoSlice::new(bytes)]).is_some() {
            return this.state.files.poll_send(bytes, &mut this.socket, cx);
        }
        Pin::new(&mut this.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.interim.is_empty() {
            ready!(self.write_interim(cx))?;
        }
        let this = &mut *self;
        let Some(at) = this.state.files.place(slices) else {
            return Pin::new(&mut this.socket).poll_write_vectored(cx, slices);
        };
        let before = &slices[..at];
        match before.iter().all(|slice| slice.is_empty()) {
            true => this
                .state
                .files
                .poll_send(&slices[at], &mut this.socket, cx),
            false => this.socket.poll_write_before_file(cx, before),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// hyper flushes when it has nothing left to write: between two messages.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(waiting) = self.state.interim.take() {
            let before = std::mem::take(&mut self.interim);
            self.interim = [before, waiting.into()].concat().into();
        }
        if !self.interim.is_empty() {
            ready!(self.write_interim(cx))?;
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const HINT: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";

    /// A stream whose socket takes ten bytes at a time, which has begun to write two interim responses.
    async fn begun() -> (
        ClientStream<tokio::io::DuplexStream>,
        tokio::io::DuplexStream,
    ) {
        let (near, far) = tokio::io::duplex(10);
        let state = Arc::new(ConnectionState::accepted((0, 0)));
        let mut stream = ClientStream::new(near, &state);
        let _open = state.interim.begin();
        for _ in 0..2 {
            let request = state.interim.request();
            assert!(
                state
                    .interim
                    .add(request, StatusCode::EARLY_HINTS, &HeaderMap::new())
            );
            let flushed = std::future::poll_fn(|cx| {
                Poll::Ready(Pin::new(&mut stream).poll_flush(cx).is_ready())
            });
            assert!(!flushed.await, "there is no room");
        }
        (stream, far)
    }

    async fn received(mut far: tokio::io::DuplexStream) -> String {
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn rest_of_interim_responses_stands_before_what_follows() {
        let (mut stream, far) = begun().await;
        let (_, text) = tokio::join!(
            async move { stream.write_all(b"HTTP/1.1 200 OK").await.unwrap() },
            received(far)
        );
        assert_eq!(text, format!("{HINT}{HINT}HTTP/1.1 200 OK"));
    }

    #[tokio::test]
    async fn so_it_does_before_several_slices() {
        let (mut stream, far) = begun().await;
        let write = async move {
            let slices = [IoSlice::new(b"!")];
            assert_eq!(stream.write_vectored(&slices).await.unwrap(), 1);
        };
        let (_, text) = tokio::join!(write, received(far));
        assert_eq!(text, format!("{HINT}{HINT}!"));
    }
}
