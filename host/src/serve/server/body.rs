//! Request and response bodies between a connection and the stack.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use stackup_plugin::abi::host::{Exchange, Failure, Finish, HostBody, record_poll};

use super::progress_timeout::ProgressTimeout;
use super::response_guard::{OVER, ResponseGuard};
use super::transport::Transport;
use super::unread_body::{Discard, Unread};
use crate::serve::stack::{RequestLimit, RequestLimits};

/// The body of a request, up to a limit.
pub(super) struct LimitedBody<B: Unread, T: Transport> {
    /// None once it has ended.
    body: Option<B>,
    left: u64,
    limit: RequestLimit<u64>,
    was_read: bool,
    /// Whether a read waits for the client.
    waits: bool,
    timeout: ProgressTimeout,
    timeout_place: RequestLimit<Duration>,
    discard: Discard<T>,
}

impl<B: Unread, T: Transport> LimitedBody<B, T> {
    pub(super) fn new(body: B, limits: &RequestLimits, discard: Discard<T>) -> Self {
        Self {
            body: Some(body),
            left: limits.body_bytes.value.unwrap_or(u64::MAX),
            limit: limits.body_bytes.clone(),
            was_read: false,
            waits: false,
            timeout: ProgressTimeout::new(limits.body_timeout.value),
            timeout_place: limits.body_timeout.clone(),
            discard,
        }
    }

    /// The client has sent nothing. Fails once that has lasted for the limit.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        let transport = &self.discard.transport;
        if !self.waits {
            self.waits = true;
            transport.body_waits();
        }
        // A plugin may poll it on a thread of its own.
        let runtime = self.discard.runtime.enter();
        let limit = std::task::ready!(self.timeout.poll_waiting(cx));
        drop(runtime);
        transport.body_timed_out();
        self.body = None;
        let place = self.timeout_place.place("body_timeout");
        let message =
            format!("the client sent nothing of the request's body for {limit:?} ({place})");
        Poll::Ready(Failure::body(StatusCode::REQUEST_TIMEOUT, message))
    }

    /// The client has sent something, or there is nothing left to wait for.
    fn progressed(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.timeout.progressed();
            self.discard.transport.body_goes_on();
        }
    }
}

impl<B: Unread, T: Transport> Body for LimitedBody<B, T> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.was_read = true;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
            return self.poll_waiting(cx).map(|failure| Some(Err(failure)));
        };
        self.progressed();
        if frame.is_none() {
            self.body = None;
        }
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| {
                let error: Box<dyn Error + Send + Sync> = error.into();
                // hyper's own text says only that it could not read.
                let cause = error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string);
                let message = format!("the request's body can't be read: {cause}");
                Failure::body(StatusCode::BAD_REQUEST, message)
            })?;
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            match self.left.checked_sub(length) {
                Some(left) => self.left = left,
                None => return Err(too_large(&self.limit)),
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(none, Body::size_hint)
    }
}

impl<B: Unread, T: Transport> Drop for LimitedBody<B, T> {
    fn drop(&mut self) {
        self.progressed();
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            self.discard.discard(body, self.was_read);
        }
    }
}

/// The failure for a body over the limit (RFC 9110 §15.5.14).
pub(super) fn too_large(limit: &RequestLimit<u64>) -> Failure {
    let (bytes, place) = (limit.value.unwrap_or(u64::MAX), limit.place("body_bytes"));
    let message = format!("the request's body is longer than {bytes} bytes ({place})");
    Failure::body(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// A frame larger than this may not fit into the socket's buffer.
const LARGE: usize = 16 << 10;

/// The body of a response. It holds its generation; when it ends, the exchange ends.
pub(super) struct ResponseBody<T: Transport> {
    body: HostBody,
    guard: ResponseGuard<T>,
    /// The hooks to run at its end, if there are any.
    hooks: Option<Box<Hooks>>,
    /// The `content-length`; none if there is none or no body is sent.
    promised: Option<u64>,
    sent: u64,
    /// Whether its last frame is large.
    ends_large: bool,
    /// Why it has failed, which the next poll says.
    failure: Option<Failure>,
}

/// The hooks of an exchange and their arguments.
pub(super) struct Hooks {
    pub(super) exchange: Arc<Exchange>,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Whether the body is not sent, as with HEAD.
    pub(super) bodiless: bool,
    /// Why the handlers failed, if they did.
    pub(super) failure: Option<Failure>,
}

impl<T: Transport> ResponseBody<T> {
    pub(super) fn new(
        body: HostBody,
        guard: ResponseGuard<T>,
        promised: Option<u64>,
        hooks: Option<Hooks>,
    ) -> Self {
        let hooks = hooks.map(Box::new);
        Self {
            body,
            guard,
            hooks,
            promised,
            sent: 0,
            ends_large: false,
            failure: None,
        }
    }

    /// Whether the client may be slow to take the body before its next frame: any but one of a single frame.
    fn is_long(&mut self, frame: &Frame<Bytes>) -> bool {
        let is_large = frame.data_ref().map_or(0, Bytes::len) > LARGE;
        if self.body.is_end_stream() {
            self.ends_large = is_large;
            return false;
        }
        self.sent > 0 || is_large
    }

    /// The frame, if it agrees with `content-length`.
    fn check(&mut self, frame: Option<Frame<Bytes>>) -> Option<Result<Frame<Bytes>, Failure>> {
        let length = frame
            .as_ref()
            .and_then(Frame::data_ref)
            .map_or(0, Bytes::len) as u64;
        self.sent += length;
        let Some(promised) = self.promised else {
            return frame.map(Ok);
        };
        let lie = match &frame {
            Some(_) if self.sent > promised => "more",
            None if self.sent < promised => "less",
            _ => return frame.map(Ok),
        };
        let sent = self.sent;
        let message = format!(
            "a response promises {promised} bytes by content-length, but its body has {lie} ({sent})"
        );
        tracing::error!(event = "lying-length", "{message}");
        Some(Err(Failure::body(
            StatusCode::INTERNAL_SERVER_ERROR,
            message,
        )))
    }

    fn finish(&mut self, failure: Option<&Failure>) {
        if failure.is_none() {
            self.guard.complete();
        }
        let Some(hooks) = self.hooks.take() else {
            return;
        };
        hooks.exchange.finish(&Finish {
            head: Some((hooks.status, &hooks.headers)),
            error: hooks.failure.as_ref().or(failure),
            body_bytes: self.sent,
        });
    }
}

impl<T: Transport> Body for ResponseBody<T> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        if let Some(failure) = &this.failure {
            return Poll::Ready(Some(Err(failure.clone())));
        }
        let number = this.guard.generation();
        let (frame, waits_in) = record_poll(number, || Pin::new(&mut this.body).poll_frame(cx));
        let frame = match frame {
            Poll::Ready(Some(Ok(frame))) => {
                if this.is_long(&frame) && this.guard.is_sent(cx) {
                    Some(Err(Failure::body(StatusCode::SERVICE_UNAVAILABLE, OVER)))
                } else {
                    this.check(Some(frame))
                }
            }
            Poll::Ready(None) => this.check(None),
            Poll::Ready(Some(Err(failure))) => {
                // As for a request that fails: a client that breaks off is no error of the site.
                if failure.status.is_client_error() {
                    tracing::debug!(event = "body-failed", "a response's body failed: {failure}");
                } else {
                    tracing::error!(event = "body-failed", "a response's body failed: {failure}");
                }
                Some(Err(failure))
            }
            Poll::Pending => {
                std::task::ready!(this.guard.waits(waits_in, cx));
                Some(Err(Failure::body(StatusCode::SERVICE_UNAVAILABLE, OVER)))
            }
        };
        match &frame {
            Some(Err(failure)) => {
                let failure = failure.clone();
                this.body = HostBody::Empty;
                this.finish(Some(&failure));
                // A server drops what it has not sent of a response whose body fails. While the body waits, it sends that first.
                this.failure = Some(failure);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => this.finish(None),
            Some(Ok(_)) if this.body.is_end_stream() => this.finish(None),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // Until `content-length` is reached, the body must be polled once more.
        self.failure.is_none()
            && self.body.is_end_stream()
            && self.promised.is_none_or(|promised| promised <= self.sent)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<T: Transport> Drop for ResponseBody<T> {
    fn drop(&mut self) {
        let is_bodiless = self.hooks.as_ref().is_some_and(|hooks| hooks.bodiless);
        let complete = self.failure.is_none() && (self.body.is_end_stream() || is_bodiless);
        if complete {
            self.finish(None);
        } else if self.hooks.is_some() {
            let left = Failure::body(StatusCode::OK, self.guard.why_cut());
            self.finish(Some(&left));
        }
        if complete {
            self.guard.end(self.ends_large);
        }
        if let HostBody::Plugin(_) | HostBody::Stream(_) | HostBody::File(_) = self.body {
            // Dropping it may run plugin code, which is attributed as in a poll.
            let body = std::mem::take(&mut self.body);
            record_poll(self.guard.generation(), || drop(body));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::task::Waker;

    use super::super::connection_state::ConnectionState;
    use super::*;

    /// A body that has these frames, each of one byte; for a false, it waits.
    struct Slow(VecDeque<bool>);

    impl Body for Slow {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            match self.0.pop_front() {
                Some(true) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x"))))),
                Some(false) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    #[tokio::test]
    async fn body_timeout_begins_again_with_each_frame() {
        let connection = Arc::new(ConnectionState::accepted((0, 0)));
        let seconds = RequestLimit::of_server(Some(Duration::from_secs(60)));
        let limits = RequestLimits {
            body_bytes: RequestLimit::of_server(None),
            body_timeout: seconds.clone(),
            send_timeout: seconds.clone(),
            request_timeout: seconds,
        };
        let discard = Discard::new(&connection, &HeaderMap::new());
        let slow = Slow([false, false, true, false].into());
        let mut body = LimitedBody::new(slow, &limits, discard);
        let mut cx = Context::from_waker(Waker::noop());
        let mut poll = || {
            let polled = Pin::new(&mut body).poll_frame(&mut cx);
            (polled.is_ready(), body.timeout.deadline())
        };
        let (first, again) = (poll(), poll());
        assert_eq!(first, again, "the client has sent nothing");
        assert!(!first.0 && first.1.is_some());
        assert!(connection.wait.get().is_some(), "it can make room");
        assert!(poll().0);
        assert_eq!(connection.wait.get(), None, "its handler works");
        assert!(poll().1 > first.1);
    }
}
