//! A body with a prefix.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use stackup_plugin::http_body::{self, Frame, SizeHint};
use stackup_plugin::{Body, Error};

/// `first`, then the frames of `rest`.
pub(crate) struct Prefixed {
    first: Option<Bytes>,
    rest: Body,
}

impl Prefixed {
    pub(crate) fn new(first: impl Into<Bytes>, rest: Body) -> Self {
        Self {
            first: Some(first.into()),
            rest,
        }
    }
}

impl http_body::Body for Prefixed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self.rest.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        let rest = self.rest.size_hint();
        let mut both = SizeHint::new();
        both.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(first)) {
            both.set_upper(upper);
        }
        both
    }
}
