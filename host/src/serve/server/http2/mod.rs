//! HTTP/2 (RFC 9113): many requests at a time on one connection, each on the same way as with HTTP/1.

mod body;
mod executor;
mod extended_connect;
mod idle;
mod preface;
mod request;
mod request_body;
mod send_task;
mod stream;
mod streams;
mod upgrade;

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Either};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use self::body::{OwnBody, StreamBody};
use self::executor::StreamExecutor;
use self::extended_connect::ExtendedConnect;
use self::idle::Idle;
use self::request_body::RequestBody;
use self::stream::Stream;
use self::streams::Streams;
use super::Phase;
use super::answer::{answer, bodiless};
use super::client::accept;
use super::connection_state::{ConnectionContext, ConnectionState};
use super::framing::FramingError;
use super::timed_socket::TimedSocket;
use super::tls::Socket;
use crate::load::manifest::Limits;
use crate::serve::observe::ObserverEnds;

pub(super) use self::preface::has_preface;

/// How much of one request's body may arrive before a handler reads it, and of all bodies of a connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// How much of one response waits for the client's window.
const SEND_BUFFER: usize = 64 << 10;

type Answer = Result<Response<Either<OwnBody, StreamBody>>, Infallible>;

/// What the requests of a connection share.
#[derive(Debug)]
struct Shared {
    ends: ObserverEnds,
    served: Arc<ConnectionContext>,
    streams: Arc<Streams>,
    header_count: usize,
}

/// Serves requests until the connection ends.
pub(super) async fn serve_http2(
    socket: Box<dyn Socket>,
    ends: ObserverEnds,
    served: &Arc<ConnectionContext>,
    state: &Arc<ConnectionState>,
) {
    let limits = served.answers.active.load().limits.clone();
    let streams = Streams::new(
        Arc::clone(state),
        served.phase.clone(),
        limits.http2_streams,
    );
    let streams = Arc::new(streams);
    let shared = Arc::new(Shared {
        ends,
        served: Arc::clone(served),
        streams: Arc::clone(&streams),
        header_count: limits.header_count,
    });
    let executor = StreamExecutor::default();
    let begun = executor.clone();
    let service = service_fn(move |mut request| {
        let stream = Stream::begin(&shared.streams);
        let framing = request::prepare(&mut request, &shared.ends, shared.header_count);
        begun.next_is(&stream, extended_connect::accept(&mut request));
        let shared = Arc::clone(&shared);
        async move { shared.answer(request, framing, stream).await }
    });
    let io = TokioIo::new(TimedSocket::of_frames(socket, state, limits.send_timeout));
    let mut connection = builder(&limits, executor).serve_connection(io, service);
    let mut phase = served.phase.clone();
    let mut ending = pin!(phase.wait_for(|phase| *phase != Phase::Serving));
    let mut idle = Idle::new(limits.header_timeout);
    let (mut watches, mut is_last) = (false, false);
    let ended = std::future::poll_fn(|cx| {
        // As for HTTP/1: until there is a change, a look at the version is enough.
        let polls = !watches || served.phase.has_changed().unwrap_or(true);
        watches = true;
        if polls && !is_last && ending.as_mut().poll(cx).is_ready() {
            is_last = true;
            // GOAWAY: streams that have begun are served.
            Pin::new(&mut connection).graceful_shutdown();
            idle.is_told(*served.phase.borrow());
        }
        let polled = Pin::new(&mut connection).poll(cx);
        if polled.is_ready() {
            return polled.map(|ended| ended.map_err(|error| error.to_string()));
        }
        let cut = |why: &str| Poll::Ready(Err(why.to_owned()));
        if streams.has_too_many_resets() {
            return cut("its client gave up too many requests");
        }
        if state.sending.is_over(cx) {
            return cut("its client read nothing until the drain deadline of a generation");
        }
        match idle.poll(&streams, state.taken(), cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(idle::Next::GoAway) => {
                Pin::new(&mut connection).graceful_shutdown();
                // It has frames to send.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(idle::Next::Close) => cut("its client is silent"),
        }
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!("a connection of HTTP/2 ended early: {error}");
    }
    state.sending.flushed();
    if let Some(reason) = state.ended_for() {
        served.connections.ended_for(reason);
    }
}

impl Shared {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        framing: Result<(), FramingError>,
        stream: Stream,
    ) -> Answer {
        let connect = request.extensions().get::<ExtendedConnect>();
        let connect = connect.map(|connect| Arc::clone(&connect.task));
        let answers = &self.served.answers;
        if let Some(observer) = &answers.observer
            && framing.is_ok()
            && observer.handles(request.uri())
        {
            let trusted = answers.active.load().trusted_proxies.clone();
            // What is refused here is refused below, too.
            if let Ok(client) = accept(&mut request, self.ends.client, &trusted) {
                let ends = ObserverEnds {
                    client,
                    ..self.ends
                };
                let request = request.map(|body| body.map_err(io::Error::other).boxed_unsync());
                let mut own = observer.answer(request, ends).await;
                *own.status_mut() = extended_connect::status(own.status(), connect.as_deref());
                stream.responds();
                return Ok(own.map(Either::Left));
            }
        }
        let is_head = request.method() == Method::HEAD;
        let (head, body) = request.into_parts();
        let body = RequestBody::new(body, &head.headers, &stream);
        let request = Request::from_parts(head, body);
        let mut response = answer(request, framing, &self.ends, answers, &stream).await?;
        stream.responds();
        *response.status_mut() = extended_connect::status(response.status(), connect.as_deref());
        // hyper does both for HTTP/1 only.
        if is_head
            && let Some(length) = response.body().size_hint().exact()
            && length > 0
        {
            let headers = response.headers_mut();
            headers.entry(CONTENT_LENGTH).or_insert(length.into());
        }
        let is_sent = !bodiless(response.status(), is_head);
        Ok(response.map(|body| Either::Right(StreamBody::new(body, is_sent, stream))))
    }
}

fn builder(limits: &Limits, executor: StreamExecutor) -> http2::Builder<StreamExecutor> {
    let mut builder = http2::Builder::new(executor);
    let header_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(header_bytes)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    builder
}
