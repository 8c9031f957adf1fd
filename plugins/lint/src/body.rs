//! A response's body, frame by frame.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use contract::{Flow, Offence, Print, held_back};
use stackup_plugin::http_body::{Body as HttpBody, Frame, SizeHint};
use stackup_plugin::{Body, Bytes, Error, Result};

use crate::pair::Pair;
use crate::report::Court;
use crate::report_blocking;

/// A body that is checked as it passes.
pub(crate) struct Checked {
    pub(crate) body: Body,
    pub(crate) court: Court,
    pub(crate) blocking: Duration,
    pub(crate) flow: Flow,
    pub(crate) print: Print,
    /// Whether its size was not known before: one that is there as a whole may be taken as a whole.
    pub(crate) streams: bool,
    /// Shared with the lint above, which looks at the layers between.
    pub(crate) above: Option<Arc<Pair>>,
    /// Shared with the lint below, if there is one.
    pub(crate) below: Arc<Pair>,
}

impl Checked {
    /// What is wrong with a frame, or with the end.
    fn check(&mut self, frame: Option<&Frame<Bytes>>) -> Vec<Offence> {
        let chunk = frame.and_then(Frame::data_ref);
        let held = match chunk {
            // Nothing came out yet.
            Some(chunk) if chunk.is_empty() => None,
            _ => {
                let (chunks, bytes) = self.below.held_back();
                held_back(chunks, bytes)
            }
        };
        let wrong = match (chunk, frame) {
            (Some(chunk), _) => {
                self.print.chunk(chunk);
                if let Some(above) = self.above.as_ref().filter(|_| self.streams)
                    && !chunk.is_empty()
                {
                    above.inner_chunk(chunk.len() as u64);
                }
                self.flow.chunk(chunk.len() as u64)
            }
            (None, Some(_)) => self.flow.trailers(),
            (None, None) => self.flow.end(),
        };
        let mut offences: Vec<_> = held.into_iter().chain(wrong).collect();
        // A body that knows its end is not asked again.
        if chunk.is_none() || self.body.is_end() {
            offences.extend(self.flow.end());
            self.print.end();
            offences.extend(self.below.changed(&self.print));
            if let Some(above) = &self.above {
                above.inner_complete(&self.print);
            }
        }
        offences
    }
}

impl HttpBody for Checked {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let start = Instant::now();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        report_blocking("K10: a body", start.elapsed(), this.blocking);
        let frame = match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(frame) => frame.transpose()?,
        };
        let offences = this.check(frame.as_ref());
        match this.court.hear(offences) {
            Ok(()) => Poll::Ready(frame.map(Ok)),
            Err(error) => {
                this.body = Body::empty();
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
