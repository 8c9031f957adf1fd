//! Asks each server from time to time whether it works.

use std::sync::Arc;
use std::time::Duration;

use stackup_plugin::{Context, StatusCode, http};

use crate::upstream::{Upstream, Upstreams};

/// What to ask, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) path: String,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    /// The status of a server that works; any below 400 if none.
    pub(crate) status: Option<StatusCode>,
}

impl Check {
    /// Asks all servers as long as the instance lives: each on its own, so that a slow one delays no other.
    pub(crate) fn spawn(&self, cx: &Context, upstreams: &Arc<Upstreams>) {
        for upstream in upstreams.all() {
            let (check, context) = (self.clone(), cx.clone());
            let (upstream, upstreams) = (Arc::clone(upstream), Arc::clone(upstreams));
            let name = format!("check {}", upstream.address);
            cx.spawn(&name, async move {
                loop {
                    let found = check.ask(&context, &upstreams, &upstream).await;
                    upstreams.checked(&upstream, found);
                    context.sleep(check.every).await;
                }
            });
        }
    }

    async fn ask(
        &self,
        cx: &Context,
        upstreams: &Upstreams,
        upstream: &Upstream,
    ) -> Result<(), String> {
        let address = &upstream.address;
        let (origin, prefix, path) = (&address.origin, &address.prefix, &self.path);
        let request = http::Request::get(format!("{origin}{prefix}{path}"));
        let request = request.body(()).map_err(|error| error.to_string())?;
        let fetch = cx
            .fetch(request)
            .connect_timeout(self.timeout)
            .head_timeout(self.timeout);
        let response = upstreams.reach(upstream, fetch).await;
        let status = response.map_err(|error| error.to_string())?.status();
        let works = match self.status {
            Some(expected) => status == expected,
            None => status.as_u16() < 400,
        };
        match works {
            true => Ok(()),
            false => Err(format!("its answer to {} is {status}", self.path)),
        }
    }
}
