//! Request and response bodies between a connection and the stack.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use stackup_plugin::abi::host::{Exchange, Failure, Finish, HostBody, record_poll};

use super::response_guard::ResponseGuard;
use super::unread_body::Discard;

/// The body of a request, up to a limit.
pub(super) struct LimitedBody {
    /// None once it has ended.
    body: Option<Incoming>,
    left: u64,
    limit: u64,
    was_read: bool,
    discard: Discard,
}

impl LimitedBody {
    pub(super) fn new(body: Incoming, limit: Option<u64>, discard: Discard) -> Self {
        let limit = limit.unwrap_or(u64::MAX);
        Self {
            body: Some(body),
            left: limit,
            limit,
            was_read: false,
            discard,
        }
    }
}

impl Body for LimitedBody {
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
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        if frame.is_none() {
            self.body = None;
        }
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| {
                let message = format!("the request's body can't be read: {error}");
                Failure::body(StatusCode::BAD_REQUEST, message)
            })?;
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            match self.left.checked_sub(length) {
                Some(left) => self.left = left,
                None => return Err(too_large(self.limit)),
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

impl Drop for LimitedBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            self.discard.discard(body, self.was_read);
        }
    }
}

/// The failure for a body over the limit (RFC 9110 §15.5.14).
pub(super) fn too_large(limit: u64) -> Failure {
    let message =
        format!("the request's body is longer than {limit} bytes (`[limits] body_bytes`)");
    Failure::body(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// A frame larger than this may not fit into the socket's buffer.
const LARGE: usize = 16 << 10;

/// The error of a body that is aborted at the drain deadline.
const OVER: &str = "the generation's drain deadline passed";

/// The body of a response. It holds its generation; when it ends, the exchange ends.
pub(super) struct ResponseBody {
    body: HostBody,
    guard: ResponseGuard,
    /// The hooks to run at its end, if there are any.
    hooks: Option<Box<Hooks>>,
    /// The `content-length`; none if there is none or no body is sent.
    promised: Option<u64>,
    sent: u64,
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

impl ResponseBody {
    pub(super) fn new(
        body: HostBody,
        guard: ResponseGuard,
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
        }
    }

    /// Whether the client may be slow to take the body: any but a short one of one frame.
    fn is_long(&self, frame: &Frame<Bytes>) -> bool {
        let length = frame.data_ref().map_or(0, Bytes::len);
        (self.sent > 0 || length > LARGE) && !self.body.is_end_stream()
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

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        let number = this.guard.generation.number;
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
                tracing::error!(event = "body-failed", "a response's body failed: {failure}");
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
            }
            None => this.finish(None),
            Some(Ok(_)) if this.body.is_end_stream() => this.finish(None),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // Until `content-length` is reached, the body must be polled once more.
        self.body.is_end_stream() && self.promised.is_none_or(|promised| promised <= self.sent)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let complete =
            self.body.is_end_stream() || self.hooks.as_ref().is_some_and(|hooks| hooks.bodiless);
        if complete {
            self.finish(None);
        } else if self.hooks.is_some() {
            let why = match self.guard.is_over() {
                true => OVER,
                false => "the client left before the end of the body",
            };
            let left = Failure::body(StatusCode::OK, why);
            self.finish(Some(&left));
        }
        if let HostBody::Plugin(_) | HostBody::Stream(_) = self.body {
            // Dropping it may run plugin code, which is attributed as in a poll.
            let body = std::mem::take(&mut self.body);
            record_poll(self.guard.generation.number, || drop(body));
        }
    }
}
