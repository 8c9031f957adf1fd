//! A connection to a server that speaks HTTP.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use stackup_plugin::abi::host::HostBody;
use tokio::runtime::Handle;

use super::connect::ConnectError;
use super::head;
use super::http1::Http1;
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
    Http1(Http1),
    /// Many at once.
    Http2(http2::SendRequest<HostBody>),
}

/// Why there is no response.
pub(super) struct SendError {
    pub(super) error: hyper::Error,
    /// The request, if no server has seen it.
    pub(super) request: Option<Request<HostBody>>,
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
        let sender = if stream.is_http2() {
            let mut http2 = http2::Builder::new(TokioExecutor::new());
            http2.timer(TokioTimer::new()).keep_alive_interval(PING);
            let http2 = http2.keep_alive_timeout(PING);
            let (sender, connection) = http2.handshake(TokioIo::new(stream)).await?;
            // The task needs no watch: a connection that ends fails its requests.
            runtime.spawn(connection);
            Sender::Http2(sender)
        } else {
            Sender::Http1(Http1::begin(stream).await?)
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
    /// Sends a request, whose target is a path, and which has a `host`. `upgrades` is whether the response may change the protocol.
    ///
    /// # Errors
    ///
    /// There is no response.
    pub(super) async fn send(
        &mut self,
        mut request: Request<HostBody>,
        upgrades: bool,
        runtime: &Handle,
    ) -> Result<Response<Incoming>, SendError> {
        match self {
            Self::Http1(http1) => {
                head::convert_to_http1(&mut request);
                http1.send(request, upgrades, runtime).await
            }
            Self::Http2(sender) => {
                head::convert_to_http2(&mut request);
                let sent = sender.try_send_request(request).await;
                sent.map_err(|mut error| SendError {
                    request: error.take_message(),
                    error: error.into_error(),
                })
            }
        }
    }

    /// Reads and writes as far as that is possible now, if the connection has no task that does. Wakes `cx` when it is again.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Self::Http1(http1) = self {
            http1.drive(cx);
        }
    }

    /// Whether it takes many requests at once.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// Whether the connection has ended, by what is known now. While no request uses one of HTTP/1.1, `waker` is woken when that may
    /// have changed.
    pub(super) fn has_ended(&mut self, waker: &Waker) -> bool {
        match self {
            Self::Http1(http1) => http1.has_ended(waker),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    /// Whether the request before has ended.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Http1(http1) => http1.is_ready(),
            Self::Http2(sender) => sender.is_ready(),
        }
    }

    /// Waits until the request before has ended; false if the connection has.
    pub(super) async fn ready(&mut self) -> bool {
        poll_fn(|cx| self.poll_ready(cx)).await.is_ok()
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Self::Http1(http1) => http1.poll_ready(cx),
            Self::Http2(sender) => sender.poll_ready(cx),
        }
    }
}
