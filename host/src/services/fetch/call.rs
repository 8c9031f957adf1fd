//! One request to another server.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use http::StatusCode;
use hyper::body::Incoming;
use hyper_util::client::legacy::Error as ClientError;
use hyper_util::client::legacy::connect::capture_connection;
use stackup_plugin::abi::host::{
    Failure, FetchFailure, FetchPhase, FetchRequest, HostBody, HostResponse,
};
use tokio::runtime::Handle;

use super::pool::{Counted, Pool};
use super::response_body::TimedBody;
use super::timer::Timer;
use super::{BODY, CONNECT, HEAD, head};

type Sent = Pin<Box<dyn Future<Output = Result<HostResponse, FetchFailure>> + Send>>;

/// Sends it. `place` is given back when the response has ended.
pub(super) fn send(mut fetch: FetchRequest, pool: &Pool, place: Counted, runtime: Handle) -> Sent {
    let server = match head::prepare(&mut fetch) {
        Ok(server) => server,
        Err(failure) => return Box::pin(std::future::ready(Err(failure))),
    };
    let mut request = fetch.request;
    if let Some(informational) = fetch.informational {
        hyper::ext::on_informational(&mut request, move |response| {
            informational.call(response.status(), response.headers());
        });
    }
    let limits = (
        fetch.connect_timeout.unwrap_or(CONNECT),
        fetch.head_timeout.unwrap_or(HEAD),
    );
    let between = fetch.body_timeout.unwrap_or(BODY);
    let place = (place, fetch.hold);
    let mut connection = capture_connection(&mut request);
    let sent = pool.client.request(request);
    Box::pin(async move {
        let connected = async {
            connection.wait_for_connection_metadata().await;
        };
        let mut timer = Timer::new(runtime);
        let response = within(&server, sent, connected, limits, &mut timer).await?;
        let (mut parts, body) = response.into_parts();
        if let Err(why) = head::clean(&mut parts.headers) {
            return Err(exchange(StatusCode::BAD_GATEWAY, &server, why));
        }
        let body = match http_body::Body::is_end_stream(&body) {
            true => HostBody::Empty,
            false => HostBody::Stream(Box::pin(TimedBody::new(
                body, server, between, timer, place,
            ))),
        };
        let mut response = HostResponse::new(parts.status, body);
        *response.headers_mut() = parts.headers;
        Ok(response)
    })
}

/// The response, if there is a connection within the first limit, and then the response's head within the second.
pub(super) async fn within(
    server: &str,
    sent: impl Future<Output = Result<http::Response<Incoming>, ClientError>>,
    connected: impl Future<Output = ()>,
    (connect, head): (Duration, Duration),
    timer: &mut Timer,
) -> Result<http::Response<Incoming>, FetchFailure> {
    let mut sent = pin!(sent);
    let mut connected = pin!(connected);
    let mut is_connected = false;
    poll_fn(|cx| {
        if let Poll::Ready(response) = sent.as_mut().poll(cx) {
            return Poll::Ready(response.map_err(|error| failed(server, &error)));
        }
        if !is_connected && connected.as_mut().poll(cx).is_ready() {
            is_connected = true;
            timer.stop();
        }
        let limit = if is_connected { head } else { connect };
        ready!(timer.poll(limit, cx));
        let why = match is_connected {
            true => format!("no response within {head:?}"),
            false => format!("no connection within {connect:?}"),
        };
        Poll::Ready(Err(FetchFailure {
            phase: match is_connected {
                true => FetchPhase::Exchange,
                false => FetchPhase::Connect,
            },
            ..exchange(StatusCode::GATEWAY_TIMEOUT, server, &why)
        }))
    })
    .await
}

fn exchange(status: StatusCode, server: &str, why: &str) -> FetchFailure {
    FetchFailure {
        phase: FetchPhase::Exchange,
        status,
        message: format!("{server}: {why}"),
    }
}

/// Why the client has no response.
fn failed(server: &str, error: &ClientError) -> FetchFailure {
    let mut causes: Vec<String> = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return FetchFailure {
                phase: FetchPhase::RequestBody,
                status: failure.status,
                message: format!("{server}: the body of the request failed: {failure}"),
            };
        }
        let text = cause.to_string();
        // Many errors already include the text of their cause.
        if !causes.iter().any(|before| before.contains(&text)) {
            causes.push(text);
        }
        next = cause.source();
    }
    let why = causes.join(": ");
    match error.is_connect() {
        true => FetchFailure {
            phase: FetchPhase::Connect,
            ..exchange(
                StatusCode::BAD_GATEWAY,
                server,
                &format!("no connection: {why}"),
            )
        },
        false => exchange(StatusCode::BAD_GATEWAY, server, &why),
    }
}
