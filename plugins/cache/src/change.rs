//! Unsafe requests, and what they make unusable (RFC 9111 §4.4).

use cache_store::Target;
use http_cache::{Forward, Times, Timestamp, invalidated_groups, invalidates, related_targets};
use stackup_plugin::{Next, Request, Result, StoreError, tracing};

use crate::fetch::Fetch;
use crate::fields::Of;
use crate::{Cache, clock};

impl Cache {
    /// Passes on a request that may change something, and removes what it has changed.
    pub(crate) async fn change(&self, req: Request, next: Next<'_>, target: &Target) -> Result {
        let fetch = Fetch::new(&req, target, Forward::Method, target.key());
        let sent = clock::now();
        let res = next.run(req).await?;
        let received = clock::now();
        if invalidates(fetch.method.as_str(), res.status().as_u16()) {
            let response = Of(res.headers());
            let related = related_targets(&target.origin(), target.path_and_query(), &response);
            let related = related.iter().filter_map(|other| target.sibling(other));
            let targets: Vec<_> = std::iter::once(target.clone()).chain(related).collect();
            let groups = invalidated_groups(&response);
            if let Err(error) = self.invalidate(&targets, groups, received).await {
                // The change is done, so the client gets its response.
                let method = &fetch.method;
                tracing::error!("cached responses remain after {method}: {error}");
            }
        }
        self.keep(&fetch, res, Times { sent, received }, None, None)
            .await
    }

    /// Removes what is stored for these targets, and what shares a group with it (RFC 9875 §2.2).
    async fn invalidate(
        &self,
        targets: &[Target],
        mut groups: Vec<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for target in targets {
            let key = target.key();
            self.changed.add(&key, now);
            self.flights.close(&key);
            groups.extend(self.entries.remove(target).await?);
        }
        let origin = &targets[0];
        for group in groups {
            self.entries.invalidate_group(origin, &group, now).await?;
        }
        Ok(())
    }
}
