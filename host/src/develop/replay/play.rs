//! One request, played through one generation.

use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use http_body::{Body, Frame};
use log_text::{in_text, one_line};
use stackup_plugin::abi::host::{Failure, Finish, HostBody, record_poll};
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, Content, End};
use super::request::ReplayRequest;
use crate::serve::generation::{DrainWatch, Generation, Outlook};

/// How long an answer may take, until its last byte.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// How many bytes of a body are read.
const MOST_BYTES: usize = 256 << 10;

/// Plays `request` through `generation`. None if its drain deadline passes before the answer.
pub(super) async fn play(request: &ReplayRequest, generation: &Generation) -> Option<Answer> {
    let number = generation.number;
    let (method, target) = (&request.method, request.target());
    tracing::debug!(
        event = "replay-request",
        generation = number,
        "generation {number} gets {method} {target} once more"
    );
    let mut watch = DrainWatch::new(generation.drain());
    let over = std::future::poll_fn(|cx| {
        loop {
            if let Outlook::Over = ready!(watch.poll(None, cx)) {
                return Poll::Ready(());
            }
        }
    });
    tokio::select! {
        biased;
        answer = ask(request, generation) => Some(answer),
        () = over => None,
    }
}

async fn ask(request: &ReplayRequest, generation: &Generation) -> Answer {
    let deadline = Instant::now() + LIMIT;
    let (sent, exchange) = request.to_host(generation);
    let call = generation.stack.root.call(sent);
    let response = match timeout_at(deadline, call).await {
        Ok(Ok(response)) => response,
        Ok(Err(failure)) => {
            exchange.finish(&Finish {
                head: None,
                error: Some(&failure),
                body_bytes: 0,
            });
            let why = why(&failure);
            return Answer::Failed {
                status: failure.status,
                why,
            };
        }
        Err(_) => return Answer::Late(LIMIT),
    };
    let (status, headers, body) = response.into_parts();
    let (content, failure) = match request.method == Method::HEAD || has_no_body(status) {
        true => {
            record_poll(generation.number, || drop(body));
            (Content::default(), None)
        }
        false => read(body, generation.number, deadline).await,
    };
    exchange.finish(&Finish {
        head: Some((status, &headers)),
        error: failure.as_ref(),
        body_bytes: content.bytes.len() as u64,
    });
    Answer::Response {
        status,
        headers,
        content,
    }
}

/// Whether a response has none on the wire (RFC 9110 §6.4.1).
fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Reads a body of this generation, and why it failed, if it did.
async fn read(
    mut body: HostBody,
    generation: u64,
    deadline: Instant,
) -> (Content, Option<Failure>) {
    let mut bytes = BytesMut::new();
    let (end, failure) = loop {
        match timeout_at(deadline, next_frame(&mut body, generation)).await {
            Err(_) => break (End::Late(LIMIT), None),
            Ok(None) => break (End::Whole, None),
            Ok(Some(Err(failure))) => break (End::Failed(why(&failure)), Some(failure)),
            Ok(Some(Ok(frame))) => {
                let chunk = frame.into_data().unwrap_or_default();
                let room = MOST_BYTES - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break (End::Cut, None);
                }
            }
        }
    };
    record_poll(generation, || drop(body));
    let bytes = bytes.freeze();
    (Content { bytes, end }, failure)
}

async fn next_frame(body: &mut HostBody, generation: u64) -> Option<Result<Frame<Bytes>, Failure>> {
    std::future::poll_fn(|cx| {
        let (polled, _) = record_poll(generation, || Pin::new(&mut *body).poll_frame(cx));
        polled
    })
    .await
}

/// Where a request failed, and why.
fn why(failure: &Failure) -> String {
    let text = match failure.handler.as_str() {
        "" => failure.to_string(),
        handler => format!("{handler}: {failure}"),
    };
    one_line(&in_text(&text)).into_owned()
}
