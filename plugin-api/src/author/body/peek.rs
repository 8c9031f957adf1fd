//! Inspecting a body before passing it on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::Body;
use crate::Error;

type Item = Result<Frame<Bytes>, Error>;

/// Frames that were already read, then the rest of the body.
pub(super) struct Prepended {
    frames: VecDeque<Item>,
    rest: Body,
}

impl Prepended {
    pub(super) fn new(frames: impl IntoIterator<Item = Item>, rest: Body) -> Self {
        let frames = frames.into_iter().collect();
        Self { frames, rest }
    }
}

/// The bytes of a body that is a single available chunk, or the unchanged body.
pub(super) fn single_chunk(mut body: Body) -> Result<Bytes, Body> {
    if body.is_end() {
        return Ok(Bytes::new());
    }
    let Some(length) = body.size_hint().exact() else {
        return Err(body);
    };
    let first = match poll_once(&mut body) {
        None => return Err(body),
        Some(None) => return Ok(Bytes::new()),
        Some(Some(frame)) => frame,
    };
    let bytes = match first.map(Frame::into_data) {
        Ok(Ok(bytes)) if bytes.len() as u64 == length => bytes,
        other => {
            let frame = other.map(|data| data.map_or_else(|frame| frame, Frame::data));
            return Err(body.prepend_frames([frame]));
        }
    };
    let after = match body.is_end() {
        true => Some(None),
        false => poll_once(&mut body),
    };
    match after {
        Some(None) => Ok(bytes),
        after => {
            let frames = [Some(Ok(Frame::data(bytes))), after.flatten()];
            Err(body.prepend_frames(frames.into_iter().flatten()))
        }
    }
}

/// Polls once without waking anyone: the next reader polls again.
fn poll_once(body: &mut Body) -> Option<Option<Item>> {
    let mut cx = Context::from_waker(Waker::noop());
    match body.poll_frame(&mut cx) {
        Poll::Ready(frame) => Some(frame),
        Poll::Pending => None,
    }
}

impl HttpBody for Prepended {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => self.rest.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.frames.iter().flatten();
        let ready: usize = frames.filter_map(Frame::data_ref).map(Bytes::len).sum();
        let (rest, ready) = (self.rest.size_hint(), ready as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(ready.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(ready.saturating_add(upper));
        }
        hint
    }
}
