//! Sends a request to a server, and to another one where that repeats nothing.

use std::sync::Arc;

use gateway::{Heads, Limits, finish, is_repeatable, may_repeat};
use stackup_plugin::{Context, FetchError, FetchErrorKind, Request, Response, Result, Uri};

use crate::upstream::{Address, Upstream, Upstreams};

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
            let Address {
                authority, prefix, ..
            } = &upstream.address;
            let target = heads.target(&req, authority, prefix)?;
            // Another attempt reads the body only if this one has not.
            let again = (left > 0).then(|| req.fork());
            let counted = upstreams.counts().then(|| Upstreams::enter(&upstream));
            let error = match self.attempt(req, target, &upstream).await {
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

    async fn attempt(
        &self,
        req: Request,
        target: Uri,
        upstream: &Arc<Upstream>,
    ) -> Result<Response, FetchError> {
        let client = req.informer();
        let fetch = self.limits.limit(self.context.fetch(req.to(target)));
        // The client can do without them.
        let fetch = fetch
            .on_informational(move |status, headers| drop(client.inform(status, headers.to_map())));
        match &upstream.address.socket {
            Some(socket) => fetch.unix(socket).await,
            None => fetch.await,
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
