//! What measures all requests of a site: at the top of its stack, with the bytes of their bodies.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use stackup_plugin::abi::host::{
    CallEnd, CallMeter, CallStart, Failure, HostBody, HostRequest, HostResponse,
};

use super::meter::Meter;

/// Measures all requests.
#[derive(Debug)]
pub(super) struct RequestMeter(pub(super) Arc<Meter>);

impl CallMeter for RequestMeter {
    fn begin(&self, request: &mut HostRequest) -> CallStart {
        if !matches!(request.body(), HostBody::Empty) {
            let received = Direction::Received;
            request.map_body(|body| CountedBody::around(body, &self.0, received));
        }
        self.0.begin(request)
    }

    fn end(&self, start: CallStart, below: u64, mut end: CallEnd<'_>) -> u64 {
        if let CallEnd::Response(response) = &mut end
            && !start.is_head
            && !is_bodiless(response.status())
        {
            self.count_body(response);
        }
        self.0.end(start, below, end)
    }
}

impl RequestMeter {
    /// Counts a body of known length at once, so that it stays what it is: the system may send a file by itself.
    fn count_body(&self, response: &mut HostResponse) {
        match response.body().size_hint().exact() {
            Some(length) => self.0.count_sent(length),
            None => response.map_body(|body| CountedBody::around(body, &self.0, Direction::Sent)),
        }
    }
}

/// RFC 9110 §6.4.1.
fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Received,
    Sent,
}

/// A body whose bytes are counted as they are taken.
struct CountedBody {
    body: HostBody,
    meter: Arc<Meter>,
    direction: Direction,
}

impl CountedBody {
    fn around(body: HostBody, meter: &Arc<Meter>, direction: Direction) -> HostBody {
        HostBody::Stream(Box::pin(Self {
            body,
            meter: Arc::clone(meter),
            direction,
        }))
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = data.len() as u64;
            match self.direction {
                Direction::Received => self.meter.count_received(bytes),
                Direction::Sent => self.meter.count_sent(bytes),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
