//! How long a request may wait.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a connection, for one wait after the other. The system's timer is armed at the first wait and only moved when it
/// goes off too early: to move it for each request would cost more than all else here.
pub(super) struct Timer {
    runtime: Handle,
    /// Never later than the deadline.
    sleep: Option<Pin<Box<Sleep>>>,
    /// That of this wait.
    deadline: Option<Instant>,
}

impl Timer {
    pub(super) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            sleep: None,
            deadline: None,
        }
    }

    /// Ends the wait. The next one counts anew.
    pub(super) fn stop(&mut self) {
        self.deadline = None;
    }

    /// Ready once `limit` has passed since the first poll of this wait.
    pub(super) fn poll(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.deadline.get_or_insert_with(|| {
            let now = Instant::now();
            // About a year, where the limit has no end.
            let far = Duration::from_secs(365 * 24 * 3600);
            now.checked_add(limit.min(far)).unwrap_or(now)
        });
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if sleep.deadline() > deadline {
                    sleep.as_mut().reset(deadline);
                }
                sleep
            }
            none => {
                // A plugin may poll it on its own thread.
                let _entered = self.runtime.enter();
                none.insert(Box::pin(sleep_until(deadline)))
            }
        };
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            // It was armed for an earlier wait.
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn later_wait_is_not_ended_by_the_timer_of_an_earlier_one() {
        let mut timer = Timer::new(Handle::current());
        let (short, long) = (Duration::from_millis(20), Duration::from_millis(60));
        let begun = Instant::now();
        assert!(poll_fn(|cx| Poll::Ready(timer.poll(short, cx).is_pending())).await);
        timer.stop();
        poll_fn(|cx| timer.poll(long, cx)).await;
        assert!(begun.elapsed() >= long);
        timer.stop();
        let begun = Instant::now();
        poll_fn(|cx| timer.poll(short, cx)).await;
        assert!(begun.elapsed() >= short);
    }

    #[tokio::test]
    async fn shorter_wait_moves_the_timer_forward() {
        let mut timer = Timer::new(Handle::current());
        let (short, long) = (Duration::from_millis(20), Duration::from_secs(3600));
        assert!(poll_fn(|cx| Poll::Ready(timer.poll(long, cx).is_pending())).await);
        timer.stop();
        poll_fn(|cx| timer.poll(short, cx)).await;
    }
}
