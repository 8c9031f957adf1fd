//! A response's body, frame by frame.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use stackup_plugin::http_body::{Body as HttpBody, Frame, SizeHint};
use stackup_plugin::{Body, Bytes, Error, Result};

use crate::offence::{Court, Offence};
use crate::pair::Pair;
use crate::report_blocking;

/// What a layer may hold back: a word of small chunks is fine, a page of them is not.
const CHUNKS_HELD: u64 = 8;
const BYTES_HELD: u64 = 4096;

/// A body that is checked as it passes.
pub(crate) struct Checked {
    pub(crate) body: Body,
    pub(crate) court: Court,
    pub(crate) blocking: Duration,
    /// What `content-length` promises of it.
    pub(crate) promised: Option<u64>,
    /// Whether it has the strong tag of the body that the lint below saw.
    pub(crate) same: bool,
    /// Shared with the lint above, which looks at the layers between.
    pub(crate) above: Option<Arc<Pair>>,
    /// Shared with the lint below, if there is one.
    pub(crate) below: Arc<Pair>,
    /// The bytes so far.
    pub(crate) passed: u64,
    /// Whether it has ended, failed, or sent its trailers.
    pub(crate) over: bool,
}

impl Checked {
    fn check(&mut self, frame: Option<&Frame<Bytes>>) -> Result<(), Offence> {
        let (chunks, bytes) = match frame.map(Frame::data_ref) {
            // Nothing came out yet.
            Some(Some(chunk)) if chunk.is_empty() => (0, 0),
            _ => self.below.held_back(),
        };
        if chunks > CHUNKS_HELD && bytes > BYTES_HELD {
            let message = format!(
                "{chunks} chunks ({bytes} bytes) were held back by the layers down to the next lint"
            );
            return Offence::new("K8", message);
        }
        match frame {
            Some(frame) => self.frame(frame),
            None => self.end(),
        }
    }

    fn frame(&mut self, frame: &Frame<Bytes>) -> Result<(), Offence> {
        if self.over {
            return Offence::new("K10", "a body went on after its trailers");
        }
        let Some(chunk) = frame.data_ref() else {
            return self.end();
        };
        let length = chunk.len() as u64;
        self.passed += length;
        if length > 0
            && let Some(above) = &self.above
        {
            above.inner_chunk(length);
        }
        match self.promised {
            Some(promised) if self.passed > promised => {
                let passed = self.passed;
                let message =
                    format!("`content-length` is {promised}, but the body has {passed} or more");
                Offence::new("K9", message)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), Offence> {
        if std::mem::replace(&mut self.over, true) {
            return Ok(());
        }
        if let Some(above) = &self.above {
            above.inner_complete();
        }
        let passed = self.passed;
        if let Some(promised) = self.promised.filter(|promised| *promised != passed) {
            let message =
                format!("`content-length` is {promised}, but the body has {passed} bytes");
            return Offence::new("K9", message);
        }
        if let Some(whole) = self
            .below
            .whole()
            .filter(|whole| self.same && *whole != passed)
        {
            let message = format!(
                "a body of {whole} bytes became one of {passed}, but its strong `etag` stayed"
            );
            return Offence::new("K9", message);
        }
        Ok(())
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
        let mut verdict = this.check(frame.as_ref());
        // A body that knows its end is not asked again.
        if verdict.is_ok() && this.body.is_end() {
            verdict = this.end();
        }
        match this.court.hear(verdict) {
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
