//! A connection of HTTP/1.1. Whoever uses it drives it: so a response costs no other task's turn.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use stackup_plugin::abi::host::{Failure, HostBody};
use tokio::runtime::Handle;

use super::connect::ConnectError;
use super::connection::SendError;
use super::stream::ClientStream;

/// One request after the other.
pub(super) struct Http1 {
    sender: http1::SendRequest<Upload>,
    /// None once it has ended, or has a task of its own.
    connection: Option<Box<http1::Connection<TokioIo<ClientStream>, Upload>>>,
}

impl Http1 {
    /// Begins to speak HTTP.
    ///
    /// # Errors
    ///
    /// The connection breaks off.
    pub(super) async fn begin(stream: ClientStream) -> Result<Self, ConnectError> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self {
            sender,
            connection: Some(Box::new(connection)),
        })
    }

    /// Sends a request, and waits for its response. `upgrades` is whether that may change the protocol.
    ///
    /// # Errors
    ///
    /// There is no response.
    pub(super) async fn send(
        &mut self,
        request: Request<HostBody>,
        upgrades: bool,
        runtime: &Handle,
    ) -> Result<Response<Incoming>, SendError> {
        if upgrades {
            self.spawn(runtime);
        }
        let (parts, body) = request.into_parts();
        let (upload, unsent) = Upload::new(body);
        let sending = self
            .sender
            .try_send_request(Request::from_parts(parts, upload));
        let mut sending = pin!(sending);
        let sent = poll_fn(|cx| {
            self.drive(cx);
            sending.as_mut().poll(cx)
        });
        let response = sent.await.map_err(|mut error| SendError {
            request: error
                .take_message()
                .map(|unsent| unsent.map(Upload::into_body)),
            error: error.into_error(),
        })?;
        // The rest of the request is sent even while nobody reads the response.
        if unsent.strong_count() > 0 {
            self.spawn(runtime);
        }
        Ok(response)
    }

    /// Reads and writes as far as that is possible now. Wakes `cx` when it is again.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            // Whoever waits for a response has got the error.
            self.connection = None;
        }
    }

    /// Has a task of its own drive it from here on.
    fn spawn(&mut self, runtime: &Handle) {
        if let Some(connection) = self.connection.take() {
            // It needs no watch: a connection that ends fails its request.
            runtime.spawn(connection.with_upgrades());
        }
    }

    /// Whether it has ended, by what is known now. While no request uses it, `waker` is woken when that may have changed.
    pub(super) fn has_ended(&mut self, waker: &Waker) -> bool {
        self.drive(&mut Context::from_waker(waker));
        self.sender.is_closed()
    }

    /// Whether the request before has ended.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Ready once the request before has ended.
    ///
    /// # Errors
    ///
    /// The connection has.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.drive(cx);
        self.sender.poll_ready(cx)
    }
}

/// The body of a request. Hyper drops it once it is sent.
struct Upload {
    body: HostBody,
    /// Dropped with it. None where there is nothing to send.
    _unsent: Option<Arc<()>>,
}

impl Upload {
    /// It, and what tells whether it is still being sent.
    fn new(body: HostBody) -> (Self, Weak<()>) {
        let unsent = (!body.is_end_stream()).then(|| Arc::new(()));
        let watch = unsent.as_ref().map(Arc::downgrade).unwrap_or_default();
        (
            Self {
                body,
                _unsent: unsent,
            },
            watch,
        )
    }

    fn into_body(self) -> HostBody {
        self.body
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
