//! A connection to a server that has changed to another protocol (RFC 9110 §7.8): bytes both ways.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use stackup_plugin::abi::host::{Failure, FetchFailure, ForwardedOffer, HostBody, HostResponse};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::call::exchange;
use super::{Place, causes, head};

type Socket = TokioIo<Upgraded>;

/// The most that is read at once.
const READ: usize = 16 << 10;

/// What a request offers to change the connection to.
pub(super) struct Offer(ForwardedOffer);

impl Offer {
    pub(super) fn new(offer: ForwardedOffer) -> Self {
        Self(offer)
    }

    /// Asks for it in the head of the request.
    ///
    /// # Errors
    ///
    /// The protocols are no value of a header.
    pub(super) fn ask(&self, headers: &mut HeaderMap) -> Result<(), http::Error> {
        let protocols = HeaderValue::from_str(&self.0.protocols)?;
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocols);
        Ok(())
    }

    fn has(&self, protocol: &str) -> bool {
        let mut offered = self.0.protocols.split(',').map(str::trim);
        offered.any(|offered| offered.eq_ignore_ascii_case(protocol))
    }
}

/// The 101 of a server: its body is what the server sends from now on, and what was offered goes to the server. `place` is given
/// back when the body ends, and with it the connection.
///
/// # Errors
///
/// Nobody has asked for the protocol, or the connection breaks off.
pub(super) async fn switch(
    mut response: Response<Incoming>,
    offer: Option<Offer>,
    server: String,
    runtime: &Handle,
    place: Place,
) -> Result<HostResponse, FetchFailure> {
    let refuse = |why: &str| exchange(StatusCode::BAD_GATEWAY, &server, why);
    let protocol = response.headers().get(header::UPGRADE);
    let protocol = protocol.and_then(|value| value.to_str().ok());
    let protocol = protocol.unwrap_or_default().trim().to_owned();
    let Some(offer) = offer.filter(|offer| offer.has(&protocol)) else {
        return Err(refuse(&format!(
            "it has changed the protocol to `{protocol}`, which nobody has asked for"
        )));
    };
    let socket = hyper::upgrade::on(&mut response).await;
    let socket = socket.map_err(|error| refuse(&causes(&error)))?;
    let Some(outgoing) = offer.0.take_outgoing() else {
        return Err(refuse("the client's connection is another handler's"));
    };
    let (reader, writer) = tokio::io::split(TokioIo::new(socket));
    let (mut parts, _) = response.into_parts();
    let cleaned = head::clean(parts.status, &mut parts.headers);
    cleaned.map_err(refuse)?;
    let body = Tunnel {
        reader,
        sending: Some(runtime.spawn(send(outgoing, writer))),
        server,
        _place: place,
    };
    let body = HostBody::Stream(Box::pin(body));
    let mut response = HostResponse::from_parts(parts.status, parts.headers, body);
    response.accept(&protocol);
    Ok(response)
}

/// Sends everything, then tells the server that nothing follows.
async fn send(mut outgoing: HostBody, mut server: WriteHalf<Socket>) -> Result<(), String> {
    while let Some(frame) = outgoing.frame().await {
        let frame = frame.map_err(|failure| failure.to_string())?;
        // Trailers have no place in it.
        if let Ok(bytes) = frame.into_data() {
            let written = server.write_all(&bytes).await;
            written.map_err(|error| error.to_string())?;
        }
    }
    server.shutdown().await.map_err(|error| error.to_string())
}

/// What the server sends. The connection ends with it.
struct Tunnel {
    reader: ReadHalf<Socket>,
    /// What goes to the server; none once it has ended.
    sending: Option<JoinHandle<Result<(), String>>>,
    server: String,
    _place: Place,
}

impl Tunnel {
    /// Ready with the reason if what goes to the server has broken off.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        let Some(sending) = &mut self.sending else {
            return Poll::Pending;
        };
        let sent = ready!(Pin::new(sending).poll(cx));
        self.sending = None;
        match sent {
            Ok(Ok(())) => Poll::Pending,
            Ok(Err(why)) => Poll::Ready(why),
            Err(error) => Poll::Ready(error.to_string()),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        // On the stack: a connection that is idle needs no buffer.
        let mut buffer = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        ready!(Pin::new(&mut self.reader).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
    }
}

impl Body for Tunnel {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        let broken = |server: &str, why: &str| {
            let message = format!("{server}: the connection has broken off: {why}");
            Poll::Ready(Some(Err(Failure::body(StatusCode::BAD_GATEWAY, message))))
        };
        // First what the server has sent: it may have closed the connection after that.
        match this.poll_read(cx) {
            Poll::Ready(Ok(bytes)) if bytes.is_empty() => return Poll::Ready(None),
            Poll::Ready(Ok(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Poll::Ready(Err(error)) => return broken(&this.server, &error.to_string()),
            Poll::Pending => {}
        }
        let why = ready!(this.poll_broken(cx));
        broken(&this.server, &why)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            sending.abort();
        }
    }
}
