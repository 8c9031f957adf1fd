//! One request: into the active generation and back as a response.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header};
use http_body::Body;
use stackup_plugin::abi::host::{
    Call, Exchange, Failure, Finish, HostBody, HostRequest, HostResponse, Outcome, canonicalize,
};
use stackup_plugin::abi::tables::RawErrorKind;

use super::body::{Hooks, LimitedBody, ResponseBody, too_large};
use super::client::accept;
use super::date::own_date;
use super::framing::FramingError;
use super::response_guard::ResponseGuard;
use super::transport::{Offer, Transport};
use super::unread_body::{Discard, Unread};
use crate::serve::generation::{Active, RequestWait, UpgradeRecord, WaitingCall};
use crate::serve::observe::{Head, Observer, ObserverEnds};
use crate::serve::stack::RequestLimit;

/// What answers need besides their request: the same for all requests of a server.
#[derive(Debug, Clone)]
pub(super) struct AnswerContext {
    pub(super) active: Arc<Active>,
    /// Whether responses contain the text of errors, as in development.
    pub(super) show_errors: bool,
    /// Observes requests, in development.
    pub(super) observer: Option<Arc<dyn Observer>>,
    /// Whether each connection closes after its next response.
    pub(super) last: Arc<AtomicBool>,
}

/// Answers a request with the generation that is active when it starts, whatever carries it. `framing` may refuse it. hyper gets
/// this very future: a future around it would hold it twice, and hyper moves it for each request.
pub(super) async fn answer<B: Unread, T: Transport>(
    mut request: http::Request<B>,
    framing: Result<(), FramingError>,
    ends: &ObserverEnds,
    served: &AnswerContext,
    transport: &T,
) -> Result<Response<ResponseBody<T>>, Infallible> {
    let generation = served.active.load();
    generation.count_request();
    let is_head = request.method() == Method::HEAD;
    let declared = request.body().size_hint().lower();
    let client = match framing {
        Ok(()) => accept(&mut request, ends.client, &generation.trusted_proxies),
        Err(error) => Err(error.into()),
    };
    // Before anything looks at the path: all see one spelling (SPEC R8).
    let original = canonicalize(request.uri_mut());
    // Before the stack, and whatever a layer makes of the path: a body that is too long is refused unread.
    let limits = generation.request_limits.get(&request);
    transport.limit_sending(limits.send_timeout.value);
    let body_limit = &limits.body_bytes;
    let is_too_long = body_limit.value.is_some_and(|limit| declared > limit);
    let refusal = match (&client, &original) {
        (Err(error), _) => Some(Failure::body(error.status(), error.to_string())),
        (_, Err(error)) => {
            let reason = format!("the path of the request is invalid: {error}");
            Some(Failure::body(StatusCode::BAD_REQUEST, reason))
        }
        _ => is_too_long.then(|| too_large(body_limit)),
    };
    if let Some(refusal) = refusal {
        log_failure(&refusal);
        let refusal = failed(&refusal, served.show_errors);
        let wait = RequestWait::of(&request);
        let guard = ResponseGuard::new(generation, wait, transport.clone());
        let mut response = respond(refusal, None, guard, None, is_head);
        transport.leave_body_unread();
        if transport.closes_after(false, true) {
            close_after(&mut response);
        }
        return Ok(response);
    }
    let client = client.unwrap_or(ends.client);
    let has_body = !request.body().is_end_stream();
    let observed = served.observer.as_ref().map(|observer| {
        let peer = ends.peer;
        let head = Head {
            has_body,
            ..Head::of(&request)
        };
        observer.observe(head, ObserverEnds { peer, client }, &generation)
    });
    let _open = transport.begin();
    // A client of HTTP/1.0 knows no interim responses (RFC 9110 §15.2).
    let informed = request.version() == Version::HTTP_11;
    let exchange = Exchange::new(generation.number)
        .drained_by(generation.drain().source())
        .informs(informed.then(|| transport.client_request()).flatten());
    let extension = match &observed {
        Some(observed) => Some(observed.witness()),
        None => transport.extension(),
    };
    let exchange = Arc::new(match extension {
        Some(extension) => exchange.with_extension(extension),
        None => exchange,
    });
    let wait = RequestWait::of(&request);
    let (mut parts, body) = request.into_parts();
    let (offered, offer) = match has_body {
        true => (None, None),
        false => transport.offer(&mut parts).unzip(),
    };
    let body = if has_body {
        let discard = Discard::new(transport, &parts.headers);
        HostBody::Stream(Box::pin(LimitedBody::new(body, limits, discard)))
    } else {
        HostBody::Empty
    };
    let mut guard = ClientGoneGuard {
        exchange: Some(Arc::clone(&exchange)),
    };
    let mut request = HostRequest::new(parts, body, client, Arc::clone(&exchange));
    transport.set_env(&mut request);
    if let Ok(Some(original)) = original {
        request.set_original(&original);
    }
    if let Some(offer) = offer {
        request.set_offer(offer);
    }
    if let Some(certificate) = transport.client_certificate() {
        request.set_client_certificate(Arc::clone(certificate));
    }
    let call = generation.stack.root.call(request);
    let mut waiting = WaitingCall::new(&generation, &exchange, wait);
    let outcome = within_limit(call, &limits.request_timeout, &mut waiting).await;
    guard.exchange = None;
    let (kept, wait, watch) = waiting.answered();
    let generation = kept.unwrap_or(generation);
    let outcome = outcome.and_then(|response| framed(response, is_head, offered.is_some()));
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
    let upgrade = response.accepted().map(UpgradeRecord::new);
    if let Some((record, offered)) = upgrade.zip(offered) {
        let record = Arc::new(record);
        let head = ResponseGuard::new(
            Arc::clone(&generation),
            RequestWait::default(),
            transport.clone(),
        );
        let guard = ResponseGuard::new(generation, wait, transport.clone())
            .at(exchange.level(), watch)
            .observed(observed)
            .upgraded(&record);
        let response = respond(response, None, guard, Some((exchange, None)), is_head);
        let empty = ResponseBody::new(HostBody::Empty, head, None, None);
        return Ok(offered.switch(transport, response, empty, record));
    }
    if let HostBody::File(_) = response.body() {
        response.map_body(|body| transport.send_file(body, generation.number));
    }
    let guard = ResponseGuard::new(generation, wait, transport.clone())
        .at(exchange.level(), watch)
        .observed(observed);
    let hooks = Some((exchange, failure));
    let mut response = respond(response, promised, guard, hooks, is_head);
    if transport.closes_after(served.last.load(Ordering::Relaxed), has_body) {
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
async fn within_limit(
    call: Call<'_>,
    limit: &RequestLimit<Duration>,
    waiting: &mut WaitingCall<'_>,
) -> Outcome {
    let mut call = pin!(call);
    let mut poll = |waiting: &mut WaitingCall<'_>, cx: &mut Context<'_>| {
        if let Some(current) = waiting.kept_by() {
            call.continues_in(current.number);
        }
        let polled = call.as_mut().poll(cx);
        if polled.is_pending() {
            waiting.waits_in(call.waiting_handler());
        }
        polled
    };
    let first = std::future::poll_fn(|cx| Poll::Ready(poll(waiting, cx))).await;
    if let Poll::Ready(outcome) = first {
        return outcome;
    }
    let timeout = async {
        match limit.value {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let until_over = |cx: &mut Context<'_>| {
        if let Poll::Ready(outcome) = poll(waiting, cx) {
            return Poll::Ready(outcome);
        }
        std::task::ready!(waiting.poll_over(cx));
        let message = "the drain deadline of the generation passed before it answered";
        Poll::Ready(Err(Failure::body(StatusCode::SERVICE_UNAVAILABLE, message)))
    };
    tokio::select! {
        biased;
        outcome = std::future::poll_fn(until_over) => outcome,
        () = timeout => {
            let (time, place) = (limit.value.unwrap_or_default(), limit.place("request_timeout"));
            let message = format!("no answer within {time:?} ({place})");
            Err(Failure::body(StatusCode::GATEWAY_TIMEOUT, message))
        }
    }
}

/// `promised` is its `content-length`; the exchange comes with its failure, if any.
fn respond<T: Transport>(
    response: HostResponse,
    promised: Option<u64>,
    guard: ResponseGuard<T>,
    exchange: Option<(Arc<Exchange>, Option<Failure>)>,
    is_head: bool,
) -> Response<ResponseBody<T>> {
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
    let has_connection_field = guard.has_connection_field();
    let mut response = Response::new(ResponseBody::new(body, guard, promised, hooks));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if status == StatusCode::UPGRADE_REQUIRED && has_connection_field {
        // `upgrade` there says what it needs (RFC 9110 §7.8 and §15.5.22).
        let upgrade = HeaderValue::from_static("upgrade");
        response.headers_mut().insert(header::CONNECTION, upgrade);
    }
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
    may_upgrade: bool,
) -> Result<(HostResponse, Option<u64>), Failure> {
    let status = response.status();
    let upgrades = may_upgrade && response.accepted().is_some();
    let lie = if status.is_informational() && !upgrades {
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
pub(super) fn bodiless(status: StatusCode, is_head: bool) -> bool {
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
    let mut text = format!("{status}\n");
    if show {
        let handler = match failure.handler.as_str() {
            "" => String::new(),
            handler => format!("in `{handler}`: "),
        };
        text.push_str(&format!("\n{handler}{failure}\n"));
    }
    failure.to_response(text)
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
