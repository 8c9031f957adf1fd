//! Sends a request to the guest, and again where that repeats nothing.

use std::time::{Duration, Instant};

use gateway::{Heads, Limits, finish, is_repeatable, may_repeat, pass};
use stackup_plugin::{Context, FetchErrorKind, Guest, Request, Result};

/// The time between two attempts: a process that has just died takes no more connections after it.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends requests to a guest.
pub(crate) struct Attempts {
    pub(crate) context: Context,
    pub(crate) guest: Guest,
    pub(crate) heads: Heads,
    /// Its `connect` is how long a request waits for a process that is ready.
    pub(crate) limits: Limits,
    pub(crate) retries: u32,
}

impl Attempts {
    /// The response of the guest.
    ///
    /// # Errors
    ///
    /// That of the last attempt.
    pub(crate) async fn send(&self, mut req: Request) -> Result {
        self.heads.prepare(&mut req)?;
        // The guest is named by `host`, if the request has none.
        let target = self.heads.target(&req, "http://localhost", "")?;
        let repeatable = is_repeatable(&mut req);
        let mut left = if repeatable { self.retries } else { 0 };
        let begun = self.context.now();
        loop {
            // Another attempt reads the body only if this one has not.
            let again = req.fork();
            let patience = self.patience(begun).max(PAUSE);
            let fetch = pass(&self.context, req, target.clone());
            let fetch = self.limits.limit(fetch).guest(&self.guest);
            let error = match fetch.connect_timeout(patience).await {
                Ok(mut res) => {
                    finish(&mut res)?;
                    return Ok(res);
                }
                Err(error) => error,
            };
            // Nothing was sent, and another process comes.
            let is_unsent = error.kind() == FetchErrorKind::Connect;
            if is_unsent && self.patience(begun) > PAUSE {
                self.context.sleep(PAUSE).await;
            } else if !is_unsent && left > 0 && may_repeat(&error) {
                left -= 1;
                self.context.sleep(PAUSE).await;
            } else {
                return Err(error.into());
            }
            req = again;
        }
    }

    /// How much longer a request may wait for a process, if it began to at `begun`.
    fn patience(&self, begun: Instant) -> Duration {
        let waited = self.context.now().saturating_duration_since(begun);
        self.limits.connect.saturating_sub(waited)
    }
}
