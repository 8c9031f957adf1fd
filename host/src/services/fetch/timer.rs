//! How long a request may wait.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of one request, for one wait after the other. It is armed at the first wait and then only moved: to arm one
/// may wake the thread that waits for events.
pub(super) struct Timer {
    runtime: Handle,
    sleep: Option<Pin<Box<Sleep>>>,
    waits: bool,
}

impl Timer {
    pub(super) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            sleep: None,
            waits: false,
        }
    }

    /// Ends the wait. The next one counts anew.
    pub(super) fn stop(&mut self) {
        self.waits = false;
    }

    /// Ready once `limit` has passed since the first poll of this wait.
    pub(super) fn poll(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let begins = !std::mem::replace(&mut self.waits, true);
        let deadline = || {
            let now = Instant::now();
            // About a year, where the limit has no end.
            let far = Duration::from_secs(365 * 24 * 3600);
            now.checked_add(limit.min(far)).unwrap_or(now)
        };
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if begins {
                    sleep.as_mut().reset(deadline());
                }
                sleep
            }
            none => {
                // A plugin may poll it on its own thread.
                let _entered = self.runtime.enter();
                none.insert(Box::pin(sleep_until(deadline())))
            }
        };
        sleep.as_mut().poll(cx)
    }
}
