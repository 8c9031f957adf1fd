//! The body of another server's response.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use stackup_plugin::abi::host::Failure;

use super::pool::Counted;
use super::timer::Timer;

/// What a request holds until its response has ended.
pub(super) type Place = (Counted, Option<Arc<dyn Any + Send + Sync>>);

/// A body that fails when the server sends nothing for a time. The clock runs only while a reader waits.
pub(super) struct TimedBody {
    body: Incoming,
    server: String,
    limit: Duration,
    timer: Timer,
    _place: Place,
}

impl TimedBody {
    /// `limit` is the longest wait for a frame, by the request's `timer`. `place` ends with the body.
    pub(super) fn new(
        body: Incoming,
        server: String,
        limit: Duration,
        mut timer: Timer,
        place: Place,
    ) -> Self {
        timer.stop();
        Self {
            body,
            server,
            limit,
            timer,
            _place: place,
        }
    }

    fn failed(&self, status: StatusCode, why: &str) -> Failure {
        let server = &self.server;
        Failure::body(status, format!("{server}: the response broke off: {why}"))
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.timer.stop();
            let failed = |error| this.failed(StatusCode::BAD_GATEWAY, &text(&error));
            return Poll::Ready(frame.map(|frame| frame.map_err(failed)));
        }
        ready!(this.timer.poll(this.limit, cx));
        let why = format!("nothing came for {:?}", this.limit);
        Poll::Ready(Some(Err(this.failed(StatusCode::GATEWAY_TIMEOUT, &why))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn text(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
