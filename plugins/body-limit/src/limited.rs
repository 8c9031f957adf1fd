//! A body that fails when it exceeds a limit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use stackup_plugin::http_body::{Body as HttpBody, Frame, SizeHint};
use stackup_plugin::{Body, Bytes, Error, Result};

use crate::too_large;

/// A body of at most `limit` bytes.
pub(crate) struct LimitedBody {
    body: Body,
    limit: u64,
    left: u64,
}

impl LimitedBody {
    pub(crate) fn new(body: Body, limit: u64) -> Self {
        let left = limit;
        Self { body, limit, left }
    }
}

impl HttpBody for LimitedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let frame = ready!(self.body.poll_frame(cx)?);
        let length = frame
            .as_ref()
            .and_then(Frame::data_ref)
            .map_or(0, Bytes::len) as u64;
        let Some(left) = self.left.checked_sub(length) else {
            // The rest is not needed any more.
            self.body = Body::empty();
            return Poll::Ready(Some(Err(too_large(self.limit))));
        };
        self.left = left;
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
