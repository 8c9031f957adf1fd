//! A stream that has changed to another protocol: a tunnel serves it, beside the requests of its connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::extended_connect::ExtendedConnect;
use super::stream::Stream;
use crate::serve::generation::UpgradeRecord;
use crate::serve::server::body::ResponseBody;
use crate::serve::server::progress_timeout::ProgressTimeout;
use crate::serve::server::transport::{Offer, Transport};
use crate::serve::server::unread_body::linger;
use crate::serve::server::upgrade::{self, AcceptedUpgrade, Offered, tunnel};

/// hyper copies what it gets, and h2 keeps what the client's window does not take.
const PIECE: usize = 16 << 10;

/// What a request offers, and where hyper gives its stream.
pub(super) struct OfferedStream {
    pub(super) offered: Offered,
    pub(super) connect: ExtendedConnect,
}

impl Offer<Stream> for OfferedStream {
    fn switch(
        self,
        stream: &Stream,
        response: Response<ResponseBody<Stream>>,
        empty: ResponseBody<Stream>,
        record: Arc<UpgradeRecord>,
    ) -> Response<ResponseBody<Stream>> {
        let Self { offered, connect } = self;
        let (mut response, accepted) = upgrade::take_body(response, empty, offered, record);
        // A success says all that a 101 does (RFC 8441 §5).
        *response.status_mut() = StatusCode::OK;
        for name in [
            header::CONNECTION,
            header::UPGRADE,
            header::SEC_WEBSOCKET_ACCEPT,
        ] {
            response.headers_mut().remove(name);
        }
        connect.task.accept();
        let changed = ChangedStream::new(stream);
        tokio::spawn(async move { changed.serve(connect, accepted).await });
        response
    }
}

/// Counts a stream as changed until it has ended.
struct ChangedStream(Stream);

impl ChangedStream {
    fn new(stream: &Stream) -> Self {
        stream.connection().upgrade.stream_begins();
        Self(stream.clone())
    }

    async fn serve(&self, connect: ExtendedConnect, accepted: AcceptedUpgrade<Stream>) {
        let ExtendedConnect { stream, task, .. } = connect;
        let socket = match stream.await {
            Ok(socket) => StreamSocket::new(socket, &self.0),
            Err(error) => {
                tracing::debug!("a client left before it knew of its new protocol: {error}");
                return;
            }
        };
        let tunnel = tunnel(socket, Bytes::new(), accepted, self.0.sending());
        let ended = tokio::select! {
            ended = tunnel => ended,
            () = task.ended() => {
                tracing::debug!("a client has reset a stream that had changed its protocol");
                None
            }
        };
        if let Some(socket) = ended {
            linger(socket, self.0.phase()).await;
        }
        // What the client does not take would keep the stream open.
        task.cut();
    }
}

impl Drop for ChangedStream {
    fn drop(&mut self) {
        self.0.connection().upgrade.stream_ends();
    }
}

/// A stream as a socket, with its `send_timeout`.
struct StreamSocket {
    socket: TokioIo<Upgraded>,
    stream: Stream,
    send_timeout: ProgressTimeout,
    /// Whether a write waits for the client.
    waits: bool,
}

impl StreamSocket {
    fn new(socket: Upgraded, stream: &Stream) -> Self {
        Self {
            socket: TokioIo::new(socket),
            stream: stream.clone(),
            send_timeout: ProgressTimeout::new(None),
            waits: false,
        }
    }

    /// What a write or a flush has come to.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let waits = written.is_pending();
        if std::mem::replace(&mut self.waits, waits) != waits {
            self.stream.send_waits(waits);
        }
        if !waits {
            self.send_timeout.progressed();
            return written;
        }
        self.send_timeout.set_limit(self.stream.send_timeout());
        self.send_timeout.poll_waiting(cx).map(|limit| {
            self.stream.times_out();
            let message = format!("the client took nothing for {limit:?} (`send_timeout`)");
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }
}

impl AsyncRead for StreamSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for StreamSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        let written = Pin::new(&mut self.socket).poll_write(cx, piece);
        self.written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.written(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl Drop for StreamSocket {
    fn drop(&mut self) {
        if self.waits {
            self.stream.send_waits(false);
        }
    }
}
