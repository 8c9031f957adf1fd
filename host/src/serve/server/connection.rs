//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::{Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use stackup_plugin::abi::host::Connection;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

use super::Phase;
use super::acme_challenge::challenge_response;
use super::answer::answer;
use super::bare_response::bare_response;
use super::begin::until_begun;
use super::client::accept;
use super::client_stream::ClientStream;
use super::connection_state::{ConnectionContext, ConnectionState};
use super::connections::Place;
use super::fastcgi::serve_fastcgi;
use super::http2::{has_preface, serve_http2};
use super::proxy_protocol::accept_header;
use super::send_file::SendFile;
use super::timed_socket::TimedSocket;
use super::tls::{CountedSocket, Handshake, Socket, Tls, accept_tls};
use super::unread_body::linger;
use super::upgrade::tunnel;
use crate::load::manifest::Limits;
use crate::policy::ClientWait;
use crate::serve::observe::ObserverEnds;

/// hyper's default limit of headers; it answers more with 431 as well.
const HEADERS_OF_HYPER: usize = 100;

/// Serves a connection until one side closes it, or it makes room for another.
pub(super) async fn serve_connection<S>(
    socket: S,
    ends: Connection,
    served: &Arc<ConnectionContext>,
    place: Place,
) where
    S: SendFile + Send + 'static,
{
    let mut requests = pin!(serve_protocols(socket, ends, served, &place.state));
    std::future::poll_fn(|cx| {
        // First what has arrived: a client that goes on keeps its place.
        let polled = requests.as_mut().poll(cx);
        if polled.is_pending() && place.state.wait.is_asked_for_room(cx) {
            if !place.state.wait.is_cut() {
                served.connections.made_room();
            }
            return Poll::Ready(());
        }
        polled
    })
    .await;
}

/// Serves what the listener has its connections speak below HTTP.
async fn serve_protocols<S>(
    mut socket: S,
    peer: Connection,
    served: &Arc<ConnectionContext>,
    state: &Arc<ConnectionState>,
) where
    S: SendFile + Send + 'static,
{
    if served.protocols.fastcgi {
        // In a box, so that the connections of other listeners need no memory for it.
        return Box::pin(serve_fastcgi(socket, peer, served, state)).await;
    }
    let mut ends = ObserverEnds { peer, client: peer };
    if served.protocols.proxy_protocol {
        // In a box, likewise.
        ends.client = match Box::pin(accept_header(&mut socket, peer, served)).await {
            Ok(ends) => ends,
            Err(error) => {
                closed_early(&peer, &error);
                return;
            }
        };
    }
    if let Some(tls) = &served.protocols.tls {
        // In a box, likewise.
        return Box::pin(serve_encrypted(Box::new(socket), tls, ends, served, state)).await;
    }
    if served.protocols.http2 {
        return Box::pin(serve_either(Box::new(socket), ends, served, state)).await;
    }
    serve_requests(socket, &ends, served, state).await;
}

/// Serves a connection in the clear that may be one of HTTP/2.
async fn serve_either(
    mut socket: Box<dyn Socket>,
    ends: ObserverEnds,
    served: &Arc<ConnectionContext>,
    state: &Arc<ConnectionState>,
) {
    let begun = until_begun(served, async { Ok(has_preface(&mut socket).await?) }).await;
    match begun {
        Ok((http2, read)) => {
            let socket: Box<dyn Socket> = Box::new(CountedSocket::new(socket, read, state));
            serve_version(socket, http2, &ends, served, state).await;
        }
        Err(error) => closed_early(&ends.client, &error),
    }
}

async fn serve_version(
    socket: Box<dyn Socket>,
    http2: bool,
    ends: &ObserverEnds,
    served: &Arc<ConnectionContext>,
    state: &Arc<ConnectionState>,
) {
    match http2 {
        true => serve_http2(socket, *ends, served, state).await,
        false => serve_requests(socket, ends, served, state).await,
    }
}

/// Serves a connection by TLS.
async fn serve_encrypted(
    socket: Box<dyn Socket>,
    tls: &Tls,
    mut ends: ObserverEnds,
    served: &Arc<ConnectionContext>,
    state: &Arc<ConnectionState>,
) {
    ends.peer.https = true;
    ends.client.https = true;
    let handshake = until_begun(served, accept_tls(socket, tls, state)).await;
    match handshake {
        Ok(Handshake::Done {
            stream,
            http2,
            client,
        }) => {
            if let Some(client) = client {
                state.identify(client);
            }
            serve_version(stream, http2, &ends, served, state).await;
        }
        Ok(Handshake::Clear(socket)) => {
            tracing::debug!("a client speaks HTTP to a listener with `tls`: it got 400");
            state.wait.waits(ClientWait::Close);
            linger(socket, served.phase.clone()).await;
        }
        Ok(Handshake::Challenge(socket)) => {
            state.wait.waits(ClientWait::Close);
            linger(socket, served.phase.clone()).await;
        }
        Ok(Handshake::Refused { socket, error }) => {
            closed_early(&ends.client, &error);
            state.wait.waits(ClientWait::Close);
            // A reset could take the alert back.
            linger(socket, served.phase.clone()).await;
        }
        Err(error) => closed_early(&ends.client, &error),
    }
}

fn closed_early(client: &Connection, error: &dyn fmt::Display) {
    let client = client
        .remote
        .map_or("a Unix socket".to_owned(), |client| client.to_string());
    tracing::debug!("a connection from {client} is closed: {error}");
}

/// Serves requests of HTTP/1 until the connection ends.
async fn serve_requests<S>(
    socket: S,
    ends: &ObserverEnds,
    served: &ConnectionContext,
    state: &Arc<ConnectionState>,
) where
    S: SendFile + Send + 'static,
{
    let limits = served.answers.active.load().limits.clone();
    let socket = TimedSocket::new(socket, state, limits.send_timeout);
    let io = TokioIo::new(ClientStream::new(socket, state));
    let begin = |request: &Request<Incoming>| {
        let has_body = !request.body().is_end_stream();
        state.arrivals().begin(has_body)
    };
    let stack = |request, framing| {
        state.wait.busy();
        answer(request, framing, ends, &served.answers, state)
    };
    let Some(observer) = &served.answers.observer else {
        if S::SENDS_FILES {
            state.files.open();
        }
        if let Some(challenges) = &served.protocols.challenges {
            // A service of its own, so that other sites do not pay for the question.
            let stack = &stack;
            let either = service_fn(|request: Request<Incoming>| {
                let framing = begin(&request);
                async move {
                    if framing.is_ok()
                        && let Some(response) = challenge_response(&request, challenges).await
                    {
                        if !request.body().is_end_stream() {
                            state.leave_body_unread();
                        }
                        return Ok(response.map(Either::Left));
                    }
                    Ok(stack(request, framing).await?.map(Either::Right))
                }
            });
            return Box::pin(serve_with(io, either, served, state, &limits)).await;
        }
        // A closure and no async one: hyper calls it before it reads on.
        let stack = service_fn(|request| {
            let framing = begin(&request);
            stack(request, framing)
        });
        return serve_with(io, stack, served, state, &limits).await;
    };
    // Development has a service of its own, so that production requests pay nothing for the choice.
    let either = service_fn(async |mut request| {
        let framing = begin(&request);
        if framing.is_err() || !observer.handles(request.uri()) {
            return Ok(stack(request, framing).await?.map(Either::Right));
        }
        let trusted = served.answers.active.load().trusted_proxies.clone();
        let Ok(client) = accept(&mut request, ends.client, &trusted) else {
            // Refused there, too.
            return Ok(stack(request, framing).await?.map(Either::Right));
        };
        // The observer may leave a body unread.
        if !request.body().is_end_stream() {
            state.leave_body_unread();
        }
        let ends = ObserverEnds { client, ..*ends };
        let request = request.map(|body| body.map_err(io::Error::other).boxed_unsync());
        Ok(observer.answer(request, ends).await.map(Either::Left))
    });
    Box::pin(serve_with(io, either, served, state, &limits)).await;
}

/// Serves a connection with `service`.
async fn serve_with<S, A, B>(
    io: TokioIo<ClientStream<TimedSocket<S>>>,
    service: A,
    served: &ConnectionContext,
    state: &ConnectionState,
    limits: &Limits,
) where
    S: SendFile + Send + 'static,
    A: HttpService<Incoming, ResBody = B, Error = Infallible>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let mut connection = builder(limits).serve_connection(io, service);
    let mut phase = served.phase.clone();
    let mut stopping = pin!(phase.wait_for(|phase| *phase == Phase::Stopping));
    let (mut watches, mut shutting_down, mut cut) = (false, false, false);
    let ended = std::future::poll_fn(|cx| {
        // Its first poll has this task woken at every change. Until there is one, a look at the version is enough.
        let polls = !watches || served.phase.has_changed().unwrap_or(true);
        watches = true;
        if polls && !shutting_down && stopping.as_mut().poll(cx).is_ready() {
            shutting_down = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        let polled = Pin::new(&mut connection).poll(cx);
        if polled.is_pending() && state.sending.is_over(cx) {
            tracing::debug!("a client read nothing until the drain deadline of its generation: the connection is closed");
            cut = true;
            return Poll::Ready(Ok(()));
        }
        polled
    })
    .await;
    state.sending.flushed();
    if let Some(reason) = state.ended_for() {
        served.connections.ended_for(reason);
    }
    let parts = match ended {
        Ok(()) if cut => return,
        Ok(()) => {
            let mut parts = connection.into_parts();
            if let Some(upgrade) = state.upgrade.take() {
                let socket = parts.io.into_inner().into_socket();
                state.wait.busy();
                // In a box, so that other connections need no memory for it.
                let ended = tunnel(socket, parts.read_buf, *upgrade, &state.sending);
                let ended = Box::pin(ended).await;
                if let Some(reason) = state.ended_for() {
                    served.connections.ended_for(reason);
                }
                if let Some(socket) = ended {
                    state.wait.waits(ClientWait::Close);
                    linger(socket.into_socket(), served.phase.clone()).await;
                }
                return;
            }
            // More requests may have followed the last one that is answered.
            let has_more = state.has_unread_body()
                || !parts.read_buf.is_empty()
                || parts.io.inner().refused().is_some();
            if !has_more && !has_bytes(parts.io.inner_mut()).await {
                return;
            }
            parts
        }
        Err(error) => {
            tracing::debug!("a connection ended early: {error}");
            let mut parts = connection.into_parts();
            let status = match parts.io.inner().refused() {
                Some(refused) => {
                    tracing::debug!("{refused}");
                    Some(refused.status())
                }
                // Silence between two requests is no slow request (RFC 9110 §15.5.9).
                None if error.is_timeout() && !parts.read_buf.is_empty() => {
                    Some(StatusCode::REQUEST_TIMEOUT)
                }
                // hyper has answered with 400, 414 or 431, and the rest of the request is on its way.
                None if error.is_parse() => None,
                None => return,
            };
            if let Some(status) = status {
                let response = bare_response(status);
                if let Err(error) = parts.io.inner_mut().write_all(response.as_bytes()).await {
                    tracing::trace!("a client disconnected before its {status}: {error}");
                    return;
                }
            }
            parts
        }
    };
    state.wait.waits(ClientWait::Close);
    let socket = parts.io.into_inner().into_socket().into_socket();
    linger(socket, served.phase.clone()).await;
}

/// Whether the client has sent something that is not read. Waits for nothing.
async fn has_bytes(socket: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut byte = [0];
    std::future::poll_fn(|cx| {
        let mut byte = ReadBuf::new(&mut byte);
        let polled = Pin::new(&mut *socket).poll_read(cx, &mut byte);
        Poll::Ready(matches!(polled, Poll::Ready(Ok(()))) && !byte.filled().is_empty())
    })
    .await
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(limits.header_bytes)
        .max_header_size(limits.header_bytes)
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout);
    // With a limit set, hyper allocates the headers of each request on the heap.
    if limits.header_count != HEADERS_OF_HYPER {
        builder.max_headers(limits.header_count);
    }
    builder
}
