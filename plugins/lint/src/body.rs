//! A response's body, checked frame by frame.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use contract::{BodyDigest, FrameChecker, Violation, check_buffering};
use stackup_plugin::http_body::{Body as HttpBody, Frame, SizeHint};
use stackup_plugin::{Body, Bytes, Error, Result};

use crate::pair::Pair;
use crate::report::Reporter;
use crate::report_blocking;

/// A body that is checked as it passes.
pub(crate) struct CheckedBody {
    pub(crate) body: Body,
    pub(crate) reporter: Reporter,
    pub(crate) blocking: Duration,
    pub(crate) frames: FrameChecker,
    pub(crate) digest: BodyDigest,
    /// Whether its size was unknown. A layer may buffer a body that is already complete.
    pub(crate) streams: bool,
    /// Shared with the lint above, which checks the layers between the two.
    pub(crate) above: Option<Arc<Pair>>,
    /// Shared with the lint below, if there is one.
    pub(crate) below: Arc<Pair>,
}

impl CheckedBody {
    /// Checks a frame, or the end.
    fn check(&mut self, frame: Option<&Frame<Bytes>>) -> Vec<Violation> {
        let chunk = frame.and_then(Frame::data_ref);
        let buffered = match chunk {
            // An empty chunk passes nothing on.
            Some(chunk) if chunk.is_empty() => None,
            _ => {
                let (chunks, bytes) = self.below.take_buffered();
                check_buffering(chunks, bytes)
            }
        };
        let mismatch = match (chunk, frame) {
            (Some(chunk), _) => {
                self.digest.chunk(chunk);
                if let Some(above) = self.above.as_ref().filter(|_| self.streams)
                    && !chunk.is_empty()
                {
                    above.count_chunk(chunk.len() as u64);
                }
                self.frames.chunk(chunk.len() as u64)
            }
            (None, Some(_)) => self.frames.trailers(),
            (None, None) => self.frames.end(),
        };
        let mut violations: Vec<_> = buffered.into_iter().chain(mismatch).collect();
        // A body that reports its end is not polled again.
        if chunk.is_none() || self.body.is_end() {
            violations.extend(self.frames.end());
            self.digest.end();
            violations.extend(self.below.check_change(&self.digest));
            if let Some(above) = &self.above {
                above.set_inner_digest(&self.digest);
            }
        }
        violations
    }
}

impl HttpBody for CheckedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let start = Instant::now();
        let polled = this.body.poll_frame(cx);
        report_blocking("K10: a body", start.elapsed(), this.blocking);
        let frame = match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(frame) => frame.transpose()?,
        };
        let violations = this.check(frame.as_ref());
        match this.reporter.report(violations) {
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
