//! The event stream of the pages (Server-Sent Events, HTML §9.2).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::Inspector;
use super::dev_state::PageEvent;
use super::router::response;
use crate::serve::observe::OwnResponse;
use crate::serve::server::Phase;

/// Time between two comments that keep the stream alive: a write detects a closed page.
const KEEPALIVE: Duration = Duration::from_secs(15);

impl Inspector {
    pub(super) fn events(&self) -> OwnResponse {
        let (sender, receiver) = mpsc::channel(16);
        let (mut events, mut phase) = (self.state.subscribe(), self.phase.clone());
        // Subscribed before the state is read, so no change is missed between the two.
        let first = PageEvent {
            kind: "state",
            data: self.state.to_json().to_string().into(),
        };
        // A worker that is about to end sends no state; its successor does.
        let first = if self.serves() {
            encode(&first)
        } else {
            String::new()
        };
        tokio::spawn(async move {
            // A page that loses its worker reconnects at once.
            let mut next = Bytes::from(format!("retry: 100\n\n{first}"));
            loop {
                if sender.send(next).await.is_err() {
                    return;
                }
                next = tokio::select! {
                    received = events.recv() => match received {
                        Ok(event) => encode(&event).into(),
                        Err(RecvError::Lagged(_)) => "event: missed\ndata: {}\n\n".into(),
                        Err(RecvError::Closed) => return,
                    },
                    _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
                    () = tokio::time::sleep(KEEPALIVE) => ": alive\n\n".into(),
                };
            }
        });
        let stream = HeaderValue::from_static("text/event-stream");
        response(StatusCode::OK, stream, Events(receiver).boxed_unsync())
    }
}

fn encode(event: &PageEvent) -> String {
    format!("event: {}\ndata: {}\n\n", event.kind, event.data)
}

struct Events(mpsc::Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.0.poll_recv(cx);
        chunk.map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
