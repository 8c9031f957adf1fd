//! A connection to a server that speaks HTTP.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use stackup_plugin::abi::host::HostBody;
use tokio::runtime::Handle;

use super::connect::ConnectError;
use super::head;
use super::stream::ClientStream;
use super::timer::Timer;

/// How long a connection with HTTP/2 is silent before the server is asked whether it is still there, and how long it has to answer.
const PING: Duration = Duration::from_secs(20);

/// A connection, with the timer of its requests.
pub(super) struct Connection {
    pub(super) sender: Sender,
    pub(super) timer: Timer,
    /// When it was made.
    pub(super) since: Instant,
}

/// Sends requests.
pub(super) enum Sender {
    /// One after the other.
    Http1(http1::SendRequest<HostBody>),
    /// Many at once.
    Http2(http2::SendRequest<HostBody>),
}

impl Connection {
    /// Begins to speak HTTP, in the version that the server has chosen.
    ///
    /// # Errors
    ///
    /// The connection breaks off.
    pub(super) async fn begin(
        stream: ClientStream,
        runtime: &Handle,
    ) -> Result<Self, ConnectError> {
        let is_http2 = stream.is_http2();
        let io = TokioIo::new(stream);
        // The tasks need no watch: a connection that ends fails its requests.
        let sender = if is_http2 {
            let mut http2 = http2::Builder::new(TokioExecutor::new());
            http2.timer(TokioTimer::new()).keep_alive_interval(PING);
            let (sender, connection) = http2.keep_alive_timeout(PING).handshake(io).await?;
            runtime.spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            runtime.spawn(connection.with_upgrades());
            Sender::Http1(sender)
        };
        Ok(Self {
            sender,
            timer: Timer::new(runtime.clone()),
            since: Instant::now(),
        })
    }

    /// The same connection for one more request at the same time, if it takes many.
    pub(super) fn share(&self, runtime: &Handle) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                sender: Sender::Http2(sender.clone()),
                timer: Timer::new(runtime.clone()),
                since: self.since,
            }),
        }
    }
}

impl Sender {
    /// Sends a request, whose target is a path, and which has a `host`.
    ///
    /// # Errors
    ///
    /// There is no response. The error has the request if no server has seen it.
    pub(super) async fn send(
        &mut self,
        mut request: Request<HostBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<HostBody>>> {
        match self {
            Self::Http1(sender) => {
                head::convert_to_http1(&mut request);
                sender.try_send_request(request).await
            }
            Self::Http2(sender) => {
                head::convert_to_http2(&mut request);
                sender.try_send_request(request).await
            }
        }
    }

    /// Whether it takes many requests at once.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    /// Whether the request before has ended.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_ready(),
            Self::Http2(sender) => sender.is_ready(),
        }
    }

    /// Waits until the request before has ended; false if the connection has.
    pub(super) async fn ready(&mut self) -> bool {
        poll_fn(|cx| self.poll_ready(cx)).await.is_ok()
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Self::Http1(sender) => sender.poll_ready(cx),
            Self::Http2(sender) => sender.poll_ready(cx),
        }
    }
}
