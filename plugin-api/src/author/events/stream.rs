//! The body of an event stream. It runs what sends the events, so there is no task, and nothing is sent that the client can't take.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};

use super::event::retry;
use crate::author::context::now;
use crate::{Body, Draining, Error, Result, Sleep};

/// HTML §9.2.7 advises it.
const SILENCE: Duration = Duration::from_secs(15);
/// A comment.
const KEEP_ALIVE: &[u8] = b":\n\n";

type Running = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

pub(super) struct EventStream {
    /// None once it has ended.
    running: Option<Running>,
    /// Why it ended, if it failed.
    failed: Option<Error>,
    /// What it has sent.
    sent: Body,
    draining: Draining,
    /// Sent first.
    retry: Option<Duration>,
    silence: Duration,
    /// When the last frame was made.
    last: Instant,
    sleep: Option<Sleep>,
}

impl EventStream {
    pub(super) fn new(running: Running, sent: Body, draining: Draining) -> Self {
        Self {
            running: Some(running),
            failed: None,
            sent,
            draining,
            retry: None,
            silence: SILENCE,
            last: now(),
            sleep: None,
        }
    }

    pub(super) fn retry(&mut self, time: Duration) {
        self.retry = Some(time);
    }

    pub(super) fn keep_alive(&mut self, silence: Duration) {
        self.silence = silence;
    }

    /// Runs what sends the events, until it can only wait or there is a deadline.
    fn run(&mut self, cx: &mut Context<'_>) {
        let Some(running) = &mut self.running else {
            return;
        };
        // First: what runs then has a last word.
        let ends = Pin::new(&mut self.draining).poll(cx).is_ready();
        let polled = running.as_mut().poll(cx);
        if let Poll::Ready(Err(error)) = polled {
            self.failed = Some(error);
            self.running = None;
        } else if polled.is_ready() || ends {
            self.running = None;
        }
    }

    /// Completes after a time without a frame.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let rest = self.silence.saturating_sub(now() - self.last);
            // A timer is not set anew for each frame.
            let sleep = self.sleep.get_or_insert_with(|| Sleep::new(rest));
            ready!(Pin::new(sleep).poll(cx));
            self.sleep = None;
            if now() - self.last >= self.silence {
                return Poll::Ready(());
            }
        }
    }

    fn frame<T: Into<Bytes>>(&mut self, bytes: T) -> Frame<Bytes> {
        self.last = now();
        Frame::data(bytes.into())
    }
}

impl HttpBody for EventStream {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Some(time) = this.retry.take() {
            return Poll::Ready(Some(Ok(this.frame(retry(time)))));
        }
        this.run(cx);
        match this.sent.poll_frame(cx) {
            Poll::Ready(Some(frame)) => {
                this.last = now();
                return Poll::Ready(Some(frame));
            }
            Poll::Ready(None) | Poll::Pending if this.running.is_none() => {
                return Poll::Ready(this.failed.take().map(Err));
            }
            Poll::Ready(None) | Poll::Pending => {}
        }
        this.poll_silence(cx)
            .map(|()| Some(Ok(this.frame(KEEP_ALIVE))))
    }
}
