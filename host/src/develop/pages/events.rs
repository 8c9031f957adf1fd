//! What happens, told to a page as it does (Server-Sent Events, HTML §9.2).

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
use super::dev_state::News;
use super::router::dressed;
use crate::serve::observe::OwnResponse;
use crate::serve::server::Phase;

/// Between two signs of life, so that a page that is gone is noticed.
const ALIVE: Duration = Duration::from_secs(15);

impl Inspector {
    pub(super) fn events(&self) -> OwnResponse {
        let (sender, receiver) = mpsc::channel(16);
        let (mut news, mut phase) = (self.board.listen(), self.phase.clone());
        // Listened first, looked second: nothing falls in between.
        let first = News {
            kind: "state",
            data: self.board.shown().to_string().into(),
        };
        // A worker that is about to end has no news: the one that has taken over does.
        let first = if self.serves() {
            event(&first)
        } else {
            String::new()
        };
        tokio::spawn(async move {
            // A page that lost its worker comes back at once.
            let mut next = Bytes::from(format!("retry: 100\n\n{first}"));
            loop {
                if sender.send(next).await.is_err() {
                    return;
                }
                next = tokio::select! {
                    heard = news.recv() => match heard {
                        Ok(news) => event(&news).into(),
                        Err(RecvError::Lagged(_)) => "event: missed\ndata: {}\n\n".into(),
                        Err(RecvError::Closed) => return,
                    },
                    _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
                    () = tokio::time::sleep(ALIVE) => ": alive\n\n".into(),
                };
            }
        });
        let stream = HeaderValue::from_static("text/event-stream");
        dressed(StatusCode::OK, stream, Events(receiver).boxed_unsync())
    }
}

fn event(news: &News) -> String {
    format!("event: {}\ndata: {}\n\n", news.kind, news.data)
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
