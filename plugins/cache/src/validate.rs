//! A stored response that must be validated before it is used (RFC 9111 §4.3).

use std::sync::Arc;

use cache_store::{StoredEntry, Target};
use http_cache::{
    Conditional, Fields, Forward, RequestControl, Timestamp, ValidateBecause, conditional,
};
use stackup_plugin::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use stackup_plugin::{Method, Next, Request, Result, tracing};

use crate::fetch::{Fetch, Joined};
use crate::flights::Lead;
use crate::validated::Concluded;
use crate::{Cache, clock};

/// A request that validates a stored response.
pub(crate) struct Validation {
    pub(crate) fetch: Fetch,
    pub(crate) stored: StoredEntry,
    pub(crate) control: RequestControl,
    pub(crate) lead: Option<Lead>,
    /// Its conditions; none if the stored response has no validators, or for a HEAD.
    pub(crate) conditions: Option<Conditional>,
    pub(crate) sent: Timestamp,
}

impl Cache {
    /// Asks below whether a stored response is still good, and answers with it or with what comes instead.
    pub(crate) async fn validate(
        &self,
        mut req: Request,
        next: Next<'_>,
        target: &Target,
        stored: StoredEntry,
        because: ValidateBecause,
    ) -> Result {
        let forward = match because {
            ValidateBecause::Expired | ValidateBecause::NoCache => Forward::Stale,
            _ => Forward::Request,
        };
        self.hint(&req, &stored.entry)?;
        let control = self.control(&req);
        let mut fetch = Fetch::new(&req, target, forward, stored.flight());
        let lead = match self.join_validation(&mut fetch, &stored, because).await? {
            Joined::Answered(res) => return Ok(res),
            Joined::Goes(lead) => lead,
        };
        let conditions = self.conditions(&fetch, &stored).await;
        let retry = conditions.is_some().then(|| req.fork());
        if let Some(conditions) = &conditions {
            set(&mut req, conditions)?;
        }
        let validation = Validation {
            fetch,
            stored,
            control,
            lead,
            conditions,
            sent: clock::now(),
        };
        let outcome = next.again().run(req).await;
        match (self.conclude(validation, outcome).await?, retry) {
            (Concluded::Answered(res), _) => Ok(res),
            (Concluded::Unknown(validation, _), Some(mut retry)) => {
                for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
                    retry.headers_mut().remove(name);
                }
                let res = next.run(retry).await?;
                self.after_response(*validation, res).await
            }
            (Concluded::Unknown(validation, res), None) => {
                self.after_response(*validation, res).await
            }
        }
    }

    /// Has a task validate a stored response. What is given back could not be detached from its request.
    pub(crate) async fn validate_behind<'n>(
        self: &Arc<Self>,
        mut req: Request,
        next: Next<'n>,
        target: &Target,
        stored: StoredEntry,
        lead: Lead,
    ) -> Result<Option<(Request, Next<'n>, StoredEntry)>> {
        let mut behind = req.fork();
        behind.set_method(&Method::GET);
        for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE] {
            behind.headers_mut().remove(name);
        }
        let fetch = Fetch {
            is_unasked: true,
            ..Fetch::new(&behind, target, Forward::Stale, stored.flight())
        };
        let conditions = self.conditions(&fetch, &stored).await;
        if let Some(conditions) = &conditions {
            set(&mut behind, conditions)?;
        }
        let Ok(detached) = next.again().detach(behind) else {
            return Ok(Some((req, next, stored)));
        };
        let validation = Validation {
            fetch,
            stored,
            control: RequestControl::default(),
            lead: Some(lead),
            conditions,
            sent: clock::now(),
        };
        let this = Arc::clone(self);
        self.cx.spawn("revalidate", async move {
            let outcome = detached.await;
            match this.conclude(validation, outcome).await {
                Ok(Concluded::Answered(_)) => {}
                Ok(Concluded::Unknown(validation, _)) => {
                    // The next request gets a whole response.
                    let _ = this.entries.remove_entry(&validation.stored.key).await;
                }
                Err(error) => tracing::warn!("a stale response could not be validated: {error}"),
            }
        });
        Ok(None)
    }

    /// The conditions under which the stored response can be used; none where it can't be validated, or where the engine has
    /// dropped its content.
    async fn conditions(&self, fetch: &Fetch, stored: &StoredEntry) -> Option<Conditional> {
        let is_there = self.entries.has(&stored.entry.content).await;
        match fetch.method == Method::HEAD || !is_there {
            true => None,
            false => conditional(&stored.entry, &fetch.fields),
        }
    }

    /// Waits for another request that validates the same response, unless each has to do so itself.
    async fn join_validation(
        &self,
        fetch: &mut Fetch,
        stored: &StoredEntry,
        because: ValidateBecause,
    ) -> Result<Joined> {
        let policy = &stored.entry.policy;
        let identifies = fetch.fields.has("authorization");
        let alike = fetch.method == Method::GET
            && because == ValidateBecause::Expired
            && policy.lifetime.milliseconds > 0
            && (policy.shared || !identifies);
        self.join(fetch, alike).await
    }
}

/// Replaces the client's conditions by those of the cache (§4.3.1). A part would be of no use if the whole has changed.
fn set(req: &mut Request, conditions: &Conditional) -> Result<()> {
    let mut headers = req.headers_mut();
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE] {
        headers.remove(name);
    }
    if let Some(tags) = &conditions.if_none_match {
        headers.insert(IF_NONE_MATCH, tags.as_slice())?;
    }
    if let Some(since) = &conditions.if_modified_since {
        headers.insert(IF_MODIFIED_SINCE, since.as_slice())?;
    }
    Ok(())
}
