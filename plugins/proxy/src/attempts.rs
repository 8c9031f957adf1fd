//! Sends a request to a server, and to another one where that repeats nothing.

use gateway::{Heads, Limits, finish, is_repeatable, may_repeat, pass};
use stackup_plugin::{Context, FetchError, FetchErrorKind, Request, Result};

use crate::upstream::{Address, Upstreams};

/// How often a request is tried, and for how long.
pub(crate) struct Attempts {
    context: Context,
    retries: u32,
    limits: Limits,
}

impl Attempts {
    pub(crate) fn new(context: Context, retries: u32, limits: Limits) -> Self {
        Self {
            context,
            retries,
            limits,
        }
    }

    /// The response of a server.
    ///
    /// # Errors
    ///
    /// That of the last attempt.
    pub(crate) async fn send(
        &self,
        mut req: Request,
        upstreams: &Upstreams,
        heads: &Heads,
    ) -> Result {
        heads.prepare(&mut req)?;
        let repeatable = is_repeatable(&mut req);
        // With one server, only a request that it may have seen is worth another attempt there.
        let mut left = match repeatable || upstreams.all().len() > 1 {
            true => self.retries,
            false => 0,
        };
        let mut before = None;
        loop {
            let upstream = upstreams.choose(&req, before.as_ref());
            let Address { origin, prefix, .. } = &upstream.address;
            let target = heads.target(&req, origin, prefix)?;
            // Another attempt reads the body only if this one has not.
            let again = (left > 0).then(|| req.fork());
            let counted = upstreams.counts().then(|| Upstreams::enter(&upstream));
            let fetch = self.limits.limit(pass(&self.context, req, target));
            let error = match upstreams.reach(&upstream, fetch).await {
                Ok(mut res) => {
                    upstreams.answered(&upstream);
                    finish(&mut res)?;
                    if let Some(counted) = counted {
                        res.map_body(|body| body.on_end(move |_, _| drop(counted)));
                    }
                    return Ok(res);
                }
                Err(error) => error,
            };
            if matches!(
                error.kind(),
                FetchErrorKind::Connect | FetchErrorKind::Exchange
            ) {
                upstreams.failed(&upstream, &error.to_string());
            }
            let other = upstreams.all().len() > 1;
            match again {
                Some(again) if may_retry(&error, repeatable, other) => req = again,
                _ => return Err(error.into()),
            }
            left -= 1;
            before = Some(upstream);
        }
    }
}

/// Whether a second attempt repeats nothing, and may succeed.
fn may_retry(error: &FetchError, repeatable: bool, other: bool) -> bool {
    match error.kind() {
        FetchErrorKind::Connect => other,
        FetchErrorKind::Exchange => repeatable && may_repeat(error),
        _ => false,
    }
}
