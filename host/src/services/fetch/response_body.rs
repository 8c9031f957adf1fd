//! The body of another server's response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use stackup_plugin::abi::host::Failure;

use super::pool::Lease;
use super::{Place, causes};

/// A body that fails when the server sends nothing for a time. The clock runs only while a reader waits.
pub(super) struct TimedBody {
    body: Incoming,
    /// None once the body has ended.
    lease: Option<Lease>,
    limit: Duration,
    _place: Place,
}

impl TimedBody {
    /// `limit` is the longest wait for a frame. The connection goes back at the end, `place` with the body.
    pub(super) fn new(body: Incoming, lease: Lease, limit: Duration, place: Place) -> Self {
        Self {
            body,
            lease: Some(lease),
            limit,
            _place: place,
        }
    }
}

fn failed(lease: &Lease, status: StatusCode, why: &str) -> Failure {
    let server = lease.server();
    Failure::body(status, format!("{server}: the response broke off: {why}"))
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        let Some(lease) = &mut this.lease else {
            return Poll::Ready(None);
        };
        let mut polled = Pin::new(&mut this.body).poll_frame(cx);
        if polled.is_pending() {
            lease.connection.sender.drive(cx);
            polled = Pin::new(&mut this.body).poll_frame(cx);
        }
        let Poll::Ready(frame) = polled else {
            ready!(lease.connection.timer.poll(this.limit, cx));
            let why = format!("nothing came for {:?}", this.limit);
            let late = failed(lease, StatusCode::GATEWAY_TIMEOUT, &why);
            this.lease = None;
            return Poll::Ready(Some(Err(late)));
        };
        lease.connection.timer.stop();
        match frame {
            Some(Ok(frame)) => {
                if this.body.is_end_stream() {
                    this.lease.take().into_iter().for_each(Lease::give_back);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                let failed = failed(lease, StatusCode::BAD_GATEWAY, &causes(&error));
                this.lease = None;
                Poll::Ready(Some(Err(failed)))
            }
            None => {
                this.lease.take().into_iter().for_each(Lease::give_back);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
