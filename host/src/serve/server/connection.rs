//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http_body::Body;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use stackup_plugin::abi::host::Connection;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::Phase;
use super::answer::answer;
use super::client_stream::ClientStream;
use super::connection_state::{ConnectionContext, ConnectionState};
use super::proxy_protocol::accept_header;
use super::unread_body::linger;
use crate::load::manifest::Limits;

/// The response to a request whose head did not arrive in time (RFC 9110 §15.5.9).
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// hyper's default limit of headers; it answers more with 431 as well.
const HEADERS_OF_HYPER: usize = 100;

/// Serves requests until one side closes the connection.
pub(super) async fn serve_connection<S>(
    mut socket: S,
    mut ends: Connection,
    served: &ConnectionContext,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if served.proxy_protocol {
        // In a box, so that the connections of other listeners need no memory for it.
        ends = match Box::pin(accept_header(&mut socket, ends, served)).await {
            Ok(ends) => ends,
            Err(error) => {
                let peer = ends
                    .remote
                    .map_or("a Unix socket".to_owned(), |peer| peer.to_string());
                tracing::debug!("a connection from {peer} is closed: {error}");
                return;
            }
        };
    }
    let io = TokioIo::new(ClientStream::new(socket));
    let state = &Arc::new(ConnectionState::default());
    let stack = |request| answer(request, ends, served, state);
    let Some(observer) = &served.observer else {
        let stack = service_fn(async |request| Ok(stack(request).await));
        return serve_with(io, stack, served, state).await;
    };
    // Development has a service of its own, so that production requests pay nothing for the choice.
    let either = service_fn(async |request| {
        Ok(match observer.handles(&request) {
            true => {
                // The observer may leave a body unread.
                if !request.body().is_end_stream() {
                    state.leave_body_unread();
                }
                observer.answer(request, ends).await.map(Either::Left)
            }
            false => stack(request).await.map(Either::Right),
        })
    });
    Box::pin(serve_with(io, either, served, state)).await;
}

/// Serves a connection with `service`.
async fn serve_with<S, A, B>(
    io: TokioIo<ClientStream<S>>,
    service: A,
    served: &ConnectionContext,
    state: &ConnectionState,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: HttpService<Incoming, ResBody = B, Error = Infallible>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let limits = served.active.load().limits.clone();
    let mut connection = builder(&limits).serve_connection(io, service);
    let mut phase = served.phase.clone();
    let mut stopping = pin!(phase.wait_for(|phase| *phase == Phase::Stopping));
    let (mut shutting_down, mut cut) = (false, false);
    let ended = std::future::poll_fn(|cx| {
        if !shutting_down && stopping.as_mut().poll(cx).is_ready() {
            shutting_down = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        let polled = Pin::new(&mut connection).poll(cx);
        if polled.is_pending() && state.send_deadline.has_passed() {
            tracing::debug!("a client read nothing until the drain deadline of its generation: the connection is closed");
            cut = true;
            return Poll::Ready(Ok(()));
        }
        polled
    })
    .await;
    let error = match ended {
        Ok(()) if state.has_unread_body() && !cut => {
            let socket = connection.into_parts().io.into_inner().into_socket();
            return linger(socket, served.phase.clone()).await;
        }
        Ok(()) => return,
        Err(error) => error,
    };
    tracing::debug!("a connection ended early: {error}");
    let parts = connection.into_parts();
    let mut socket = parts.io.into_inner().into_socket();
    // Silence between two requests is no slow request.
    if error.is_timeout() && !parts.read_buf.is_empty() {
        if let Err(error) = socket.write_all(TOO_SLOW).await {
            tracing::trace!("a slow client disconnected before its 408: {error}");
            return;
        }
        linger(socket, served.phase.clone()).await;
    } else if error.is_parse() {
        // hyper has answered with 400, 414 or 431, and the rest of the request is on its way.
        linger(socket, served.phase.clone()).await;
    }
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(limits.header_bytes)
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout);
    // With a limit set, hyper allocates the headers of each request on the heap.
    if limits.header_count != HEADERS_OF_HYPER {
        builder.max_headers(limits.header_count);
    }
    builder
}
