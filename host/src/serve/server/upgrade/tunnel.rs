//! A connection after its 101: what the handler writes goes out, and it reads from the socket by itself.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::sending::Sending;
use super::super::transport::Transport;
use super::AcceptedUpgrade;
use super::incoming::{ClientBytes, ReadSocket};

/// Serves a connection in its new protocol. `early` came with the request. Returns the socket where what was sent is to
/// arrive: not if the client has ended the connection, or takes nothing.
pub(in crate::serve::server) async fn tunnel<S, T>(
    socket: S,
    early: Bytes,
    upgrade: AcceptedUpgrade<T>,
    sending: &Sending,
) -> Option<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: Transport,
{
    let AcceptedUpgrade {
        mut outgoing,
        record,
        sender,
    } = upgrade;
    let socket = SharedSocket::new(socket);
    let incoming = ClientBytes {
        early,
        socket: Arc::clone(&socket) as Arc<dyn ReadSocket>,
        record: Arc::clone(&record),
    };
    // If it fails, no handler reads.
    let _ = sender.send(incoming);
    // In the end the handler loses the socket, whatever it still has of it.
    let closes = ClosesSocket(Arc::clone(&socket));
    loop {
        let frame = match outgoing.frame().await {
            // A failure is logged where it happens. What was sent before is to arrive, as a close frame that says why.
            None | Some(Err(_)) => break,
            Some(Ok(frame)) => frame,
        };
        // Trailers have no place in it.
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        record.sent(data.len());
        if let Err(error) = send(&socket, &mut data, sending).await {
            tracing::debug!(
                "a connection in `{}` ended early: {error}",
                record.protocol()
            );
            return None;
        }
    }
    drop(outgoing);
    closes.0.close()
}

/// Writes everything; fails if the client or a deadline ends the connection.
async fn send<S>(socket: &SharedSocket<S>, data: &mut Bytes, sending: &Sending) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    std::future::poll_fn(|cx| {
        while data.has_remaining() {
            match socket.with(|socket| socket.poll_write(cx, data)) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => data.advance(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if sending.is_over(cx) => {
                    let message = "the drain deadline of its generation passed";
                    return Poll::Ready(Err(io::Error::other(message)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        socket.with(|socket| socket.poll_flush(cx))
    })
    .await
}

/// A socket that two tasks use: the connection's writes, the handler's reads.
struct SharedSocket<S>(Mutex<Shared<S>>);

struct Shared<S> {
    /// None once the connection has ended.
    socket: Option<S>,
    /// Waits for the client.
    reader: Option<Waker>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> SharedSocket<S> {
    fn new(socket: S) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Shared {
            socket: Some(socket),
            reader: None,
        })))
    }

    fn with<T>(
        &self,
        poll: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut self.lock().socket {
            Some(socket) => poll(Pin::new(socket)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Takes the socket away.
    fn close(&self) -> Option<S> {
        let mut shared = self.lock();
        let (socket, reader) = (shared.socket.take(), shared.reader.take());
        drop(shared);
        reader.into_iter().for_each(Waker::wake);
        socket
    }

    fn lock(&self) -> MutexGuard<'_, Shared<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ReadSocket for SharedSocket<S> {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.lock();
        let Some(socket) = &mut shared.socket else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let polled = Pin::new(socket).poll_read(cx, buffer);
        if polled.is_pending() {
            shared.reader = Some(cx.waker().clone());
        }
        polled
    }
}

/// Takes the socket away when it is dropped.
struct ClosesSocket<S: AsyncRead + AsyncWrite + Unpin>(Arc<SharedSocket<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for ClosesSocket<S> {
    fn drop(&mut self) {
        drop(self.0.close());
    }
}
