//! Request bodies that no handler reads to the end.
//!
//! A connection that closes while its client still sends is reset, and the response with it (RFC 9112 §9.6): a proxy
//! reports 502. A short rest is therefore read, so that the connection can serve the next request. For a longer one the
//! response says `connection: close`; then the host closes its half and reads on for a while.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Phase;
use super::connection_state::ConnectionState;
use super::transport::Transport;

/// A rest of this size is read, and the connection kept.
pub(super) const SHORT: u64 = 64 << 10;

/// How much is read from a connection that closes.
pub(super) const LINGER_BYTES: u64 = 64 << 20;

/// How long a connection that closes is read from.
pub(super) const LINGER: Duration = Duration::from_secs(30);

/// The same when the server stops.
const LINGER_STOPPING: Duration = Duration::from_secs(1);

/// How long a client may send nothing.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// The body of a request as its transport has it.
pub(super) trait Unread:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static
{
}

impl<B> Unread for B where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static
{
}

/// Takes care of the rest of a request's body once it is dropped, by whatever thread.
#[derive(Debug)]
pub(super) struct Discard<T: Transport> {
    pub(super) transport: T,
    pub(super) runtime: Handle,
    /// Whether the client may wait for `100 Continue`. Reading the body would send it, after the response.
    expects: bool,
}

impl<T: Transport> Discard<T> {
    /// For a request with these headers. Call it within the runtime.
    pub(super) fn new(transport: &T, headers: &HeaderMap) -> Self {
        Self {
            transport: transport.clone(),
            runtime: Handle::current(),
            expects: headers.contains_key(header::EXPECT),
        }
    }

    /// The body is not read any further. `was_read` says whether a part of it was.
    pub(super) fn discard(&self, body: impl Unread, was_read: bool) {
        let may_read = was_read || !self.expects;
        self.transport.discard(body, may_read, &self.runtime);
    }
}

/// Reads the rest of a body if it is short and `may_read`; else the connection has to close.
pub(super) fn discard(
    connection: &Arc<ConnectionState>,
    body: impl Unread,
    may_read: bool,
    runtime: &Handle,
) {
    let short = body.size_hint().upper().is_some_and(|rest| rest <= SHORT);
    if !short || !may_read {
        // hyper reads no further either, and closes the connection after the response.
        connection.leave_body_unread();
        return;
    }
    let connection = Arc::clone(connection);
    runtime.spawn(async move {
        if !read_to_end(body).await {
            connection.leave_body_unread();
        }
    });
}

/// Reads a short rest. Returns whether it ended; an error ends the connection as well.
async fn read_to_end(mut body: impl Unread) -> bool {
    loop {
        match timeout(SILENCE, body.frame()).await {
            Ok(Some(Ok(_))) => {}
            Ok(None | Some(Err(_))) => return true,
            Err(_) => return false,
        }
    }
}

/// Closes the host's half of a connection, then reads until the client has closed its half too, within limits.
pub(super) async fn linger<S>(mut stream: S, mut phase: watch::Receiver<Phase>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stopping = async {
        // An error means that the server has ended.
        let _ = phase.wait_for(|phase| *phase == Phase::Stopping).await;
        tokio::time::sleep(LINGER_STOPPING).await;
    };
    // If it fails, the client has closed the connection.
    let read = async {
        stream.shutdown().await.ok()?;
        let mut buffer = vec![0; 16 << 10];
        let mut left = LINGER_BYTES;
        while left > 0 {
            let bytes = timeout(SILENCE, stream.read(&mut buffer))
                .await
                .ok()?
                .ok()?;
            if bytes == 0 {
                break;
            }
            left = left.saturating_sub(bytes as u64);
        }
        Some(())
    };
    let read = async { timeout(LINGER, read).await.is_ok() };
    let ended = tokio::select! {
        ended = read => ended,
        () = stopping => false,
    };
    if !ended {
        tracing::debug!("a client keeps sending after its last response: the connection is reset");
    }
}
