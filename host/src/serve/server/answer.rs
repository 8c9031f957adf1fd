//! One request: into the active generation and back as a response.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;
use hyper::body::Incoming;
use stackup_plugin::abi::host::{
    Call, Exchange, Failure, Finish, HostBody, HostRequest, HostResponse, Outcome, canonicalize,
    poll_held_by,
};
use stackup_plugin::abi::tables::RawErrorKind;

use super::body::{Hooks, LimitedBody, ResponseBody, too_large};
use super::client::accept;
use super::connection_state::{ConnectionContext, ConnectionState};
use super::date::own_date;
use super::framing::FramingError;
use super::response_guard::ResponseGuard;
use super::unread_body::Discard;
use crate::serve::generation::{Generation, Phase, RequestWait};
use crate::serve::observe::ObserverEnds;

/// Answers a request with the generation that is active when it starts. `framing` may refuse it. hyper gets this very future:
/// a future around it would hold it twice, and hyper moves it for each request.
pub(super) async fn answer(
    mut request: http::Request<Incoming>,
    framing: Result<(), FramingError>,
    ends: &ObserverEnds,
    served: &ConnectionContext,
    connection: &Arc<ConnectionState>,
) -> Result<Response<ResponseBody>, Infallible> {
    let generation = served.active.load();
    generation.count_request();
    let is_head = request.method() == Method::HEAD;
    let limit = generation.limits.body_bytes;
    let declared = request.body().size_hint().lower();
    let client = match framing {
        Ok(()) => accept(&mut request, ends.client, &generation.trusted_proxies),
        Err(error) => Err(error.into()),
    };
    let too_long = limit.filter(|limit| declared > *limit);
    // Before anything looks at the path: all see one spelling (SPEC R8).
    let original = canonicalize(request.uri_mut());
    let refusal = match (&client, &original) {
        (Err(error), _) => Some(Failure::body(error.status(), error.to_string())),
        (_, Err(error)) => {
            let reason = format!("the path of the request is invalid: {error}");
            Some(Failure::body(StatusCode::BAD_REQUEST, reason))
        }
        _ => too_long.map(too_large),
    };
    if let Some(refusal) = refusal {
        log_failure(&refusal);
        let refusal = failed(&refusal, served.show_errors);
        let wait = RequestWait::of(&request);
        let guard = ResponseGuard::new(generation, wait, Arc::clone(connection));
        let mut response = respond(refusal, None, guard, None, is_head);
        connection.leave_body_unread();
        close_after(&mut response);
        return Ok(response);
    }
    let client = client.unwrap_or(ends.client);
    let observed = served.observer.as_ref().map(|observer| {
        let peer = ends.peer;
        observer.observe(&request, ObserverEnds { peer, client }, &generation)
    });
    let exchange = Exchange::new(generation.number);
    let exchange = Arc::new(match &observed {
        Some(observed) => exchange.with_extension(observed.witness()),
        None => exchange,
    });
    let mut wait = RequestWait::of(&request);
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let body = if has_body {
        let discard = Discard::new(connection, &parts.headers);
        HostBody::Stream(Box::pin(LimitedBody::new(
            body,
            &generation.limits,
            discard,
        )))
    } else {
        HostBody::Empty
    };
    let mut guard = ClientGoneGuard {
        exchange: Some(Arc::clone(&exchange)),
    };
    let mut request = HostRequest::new(parts, body, client, Arc::clone(&exchange));
    if let Ok(Some(original)) = original {
        request.set_original(&original);
    }
    let call = generation.stack.root.call(request);
    let outcome = within_limits(call, &generation, &mut wait).await;
    guard.exchange = None;
    wait.answered();
    let outcome = outcome.and_then(|response| framed(response, is_head));
    let (mut response, mut promised, failure) = match outcome {
        Ok((response, promised)) => (response, promised, None),
        Err(failure) => {
            let page = match &observed {
                Some(observed) => observed.error_response(&failure),
                None => failed(&failure, served.show_errors),
            };
            (page, None, Some(failure))
        }
    };
    if let Some(observed) = &observed {
        observed.respond(&mut response);
        promised = length(response.headers()).unwrap_or_default();
    }
    // Generation 0 is the placeholder for a stack that was refused, which the log has reported.
    if let Some(failure) = failure.as_ref().filter(|_| generation.number > 0) {
        log_failure(failure);
    }
    let guard = ResponseGuard::new(generation, wait, Arc::clone(connection)).observed(observed);
    let hooks = Some((exchange, failure));
    let mut response = respond(response, promised, guard, hooks, is_head);
    if served.last.load(Ordering::Relaxed) || (has_body && connection.has_unread_body()) {
        close_after(&mut response);
    }
    Ok(response)
}

/// Has the connection close after the response.
fn close_after<B>(response: &mut Response<B>) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
}

/// Awaits the stack's response; reads the clock only if it has to wait.
async fn within_limits(call: Call<'_>, generation: &Generation, wait: &mut RequestWait) -> Outcome {
    let mut call = pin!(call);
    let mut poll = |cx: &mut Context<'_>| {
        let polled = poll_held_by(generation, || call.as_mut().poll(cx));
        if polled.is_pending() {
            let handler = call
                .waiting_handler()
                .map(|context| context.handler.as_str());
            wait.is(generation.waiting(), Phase::Request, handler);
        }
        polled
    };
    let first = std::future::poll_fn(|cx| Poll::Ready(poll(cx))).await;
    if let Poll::Ready(outcome) = first {
        return outcome;
    }
    let limit = generation.limits.request_timeout;
    let timeout = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        outcome = std::future::poll_fn(poll) => outcome,
        () = timeout => {
            let limit = limit.unwrap_or_default();
            let message = format!("no answer within {limit:?} (`[limits] request_timeout`)");
            Err(Failure::body(StatusCode::GATEWAY_TIMEOUT, message))
        }
        () = Arc::clone(generation.deadline()).passed() => {
            let message = "the drain deadline of the generation passed before it answered";
            Err(Failure::body(StatusCode::SERVICE_UNAVAILABLE, message))
        }
    }
}

/// `promised` is its `content-length`; the exchange comes with its failure, if any.
fn respond(
    response: HostResponse,
    promised: Option<u64>,
    guard: ResponseGuard,
    exchange: Option<(Arc<Exchange>, Option<Failure>)>,
    is_head: bool,
) -> Response<ResponseBody> {
    let (status, headers, body) = response.into_parts();
    let bodiless = bodiless(status, is_head);
    let promised = promised.filter(|_| !bodiless);
    let hooks = exchange
        .filter(|(exchange, _)| exchange.has_hooks())
        .map(|(exchange, failure)| Hooks {
            exchange,
            status,
            headers: headers.clone(),
            bodiless,
            failure,
        });
    if bodiless {
        guard.complete();
    }
    let mut response = Response::new(ResponseBody::new(body, guard, promised, hooks));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(date) = own_date() {
        response.headers_mut().entry(header::DATE).or_insert(date);
    }
    response
}

/// The response and its `content-length`, if the two agree. The server frames the message, so a wrong length must not
/// reach it.
fn framed(
    mut response: HostResponse,
    is_head: bool,
) -> Result<(HostResponse, Option<u64>), Failure> {
    let status = response.status();
    let lie = if status.is_informational() {
        format!("{status} is no final response: a handler answers with 200 or above")
    } else {
        if status == StatusCode::RESET_CONTENT {
            response = without_body(response);
        }
        remove_inner_headers(response.headers_mut());
        let promised = length(response.headers());
        let has = response.body().size_hint().exact();
        match (promised, has) {
            (Ok(Some(promised)), Some(has)) if promised != has && !bodiless(status, is_head) => {
                format!(
                    "a response promises {promised} bytes by content-length, but its body has {has}"
                )
            }
            (Err(NoLength), _) => {
                "a response's content-length is not one decimal number".to_owned()
            }
            (Ok(promised), _) => return Ok((response, promised)),
        }
    };
    Err(Failure::body(StatusCode::INTERNAL_SERVER_ERROR, lie))
}

/// Removes `transfer-encoding`, which is the server's own, and the `rack.…` headers, which are for other layers only, as
/// Rack's servers do (SPEC R31).
fn remove_inner_headers(headers: &mut HeaderMap) {
    let is_inner = |name: &&HeaderName| {
        **name == header::TRANSFER_ENCODING || name.as_str().starts_with("rack.")
    };
    while let Some(inner) = headers.keys().find(is_inner).cloned() {
        headers.remove(inner);
    }
}

/// The response, with an empty body: hyper sends one with 205, which must have none (RFC 9110 §15.3.6).
fn without_body(response: HostResponse) -> HostResponse {
    let (status, mut headers, _) = response.into_parts();
    headers.remove(header::CONTENT_LENGTH);
    let mut response = HostResponse::new(status, HostBody::Empty);
    *response.headers_mut() = headers;
    response
}

/// Whether a response has no body on the wire (RFC 9110 §6.4.1).
fn bodiless(status: StatusCode, is_head: bool) -> bool {
    is_head || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// A `content-length` that is not one decimal number.
struct NoLength;

fn length(headers: &HeaderMap) -> Result<Option<u64>, NoLength> {
    // Most responses have few headers, so to go over them costs less than a look-up.
    if !headers.keys().any(|name| name == header::CONTENT_LENGTH) {
        return Ok(None);
    }
    let values = headers.get_all(header::CONTENT_LENGTH).iter();
    contract::parse_content_length(values.map(HeaderValue::as_bytes))
        .map(Some)
        .ok_or(NoLength)
}

/// The response to an error that no middleware has handled.
fn failed(failure: &Failure, show: bool) -> HostResponse {
    let status = failure.status;
    if !show {
        return HostResponse::text(status, Bytes::from(format!("{status}\n")));
    }
    let handler = match failure.handler.as_str() {
        "" => String::new(),
        handler => format!("in `{handler}`: "),
    };
    HostResponse::text(status, format!("{status}\n\n{handler}{failure}\n"))
}

fn log_failure(failure: &Failure) {
    let handler = match failure.handler.as_str() {
        "" => "stackup",
        handler => handler,
    };
    let event = match failure.kind {
        RawErrorKind::Panic => "panic",
        _ => "request-failed",
    };
    let status = failure.status.as_u16();
    // 500 is the default and is not mentioned.
    let said = match status {
        500 => String::new(),
        _ => format!(" (status {status})"),
    };
    // A handler that is out of service is reported once, not for each request that it does not get.
    if failure.status.is_server_error() && !failure.is_out_of_service() {
        tracing::error!(event, handler, status, "{failure}{said}");
    } else {
        tracing::debug!(event, handler, status, "{failure}{said}");
    }
}

/// Runs the hooks if the request is dropped before it has a response: the client has disconnected.
struct ClientGoneGuard {
    exchange: Option<Arc<Exchange>>,
}

impl Drop for ClientGoneGuard {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            let left = Failure::body(StatusCode::OK, "the client left before there was an answer");
            exchange.finish(&Finish {
                head: None,
                error: Some(&left),
                body_bytes: 0,
            });
        }
    }
}
