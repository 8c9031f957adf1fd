//! A limit on how long a client may let the server wait, as nginx counts it: between two bytes, not for the whole.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Armed at the first wait; a client that never lets the server wait costs no timer.
#[derive(Debug)]
pub(super) struct ProgressTimeout {
    limit: Option<Duration>,
    is_waiting: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl ProgressTimeout {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            is_waiting: false,
            timer: None,
        }
    }

    /// From the next wait on, this is the limit.
    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
    }

    /// The client lets the server wait. Resolves to the limit once it has done so for that long. Call it within a runtime.
    pub(super) fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let Some(limit) = self.limit else {
            return Poll::Pending;
        };
        let timer = match &mut self.timer {
            Some(timer) => {
                if !self.is_waiting {
                    timer.as_mut().reset(Instant::now() + limit);
                }
                timer
            }
            none => none.insert(Box::pin(sleep(limit))),
        };
        self.is_waiting = true;
        timer.as_mut().poll(cx).map(|()| limit)
    }

    /// The client has sent or taken something.
    pub(super) fn progressed(&mut self) {
        self.is_waiting = false;
    }

    /// The moment at which it resolves, if it is armed.
    #[cfg(test)]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timer.as_ref().map(|timer| timer.deadline())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// The moment at which it resolves, after one more poll.
    fn deadline(timeout: &mut ProgressTimeout) -> Option<Instant> {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(timeout.poll_waiting(&mut cx).is_pending());
        timeout.deadline()
    }

    #[tokio::test]
    async fn only_progress_starts_the_limit_again() {
        let mut timeout = ProgressTimeout::new(Some(LIMIT));
        let first = deadline(&mut timeout).unwrap();
        assert_eq!(deadline(&mut timeout), Some(first));
        timeout.progressed();
        let second = deadline(&mut timeout).unwrap();
        assert!(second > first, "the limit is between two bytes");
        assert_eq!(deadline(&mut timeout), Some(second));
    }

    #[tokio::test]
    async fn limit_resolves_once_it_has_passed() {
        let limit = Duration::from_millis(1);
        let mut timeout = ProgressTimeout::new(Some(limit));
        let waits = std::future::poll_fn(|cx| timeout.poll_waiting(cx));
        assert_eq!(waits.await, limit);
    }

    #[tokio::test]
    async fn without_limit_there_is_no_timer() {
        assert_eq!(deadline(&mut ProgressTimeout::new(None)), None);
    }
}
