//! A stored response that must be validated before it is used (RFC 9111 §4.3).

use http_cache::{
    CacheStatus, Conditional, Failure, Fields, Forward, HeadFreshening, Policy, RequestControl,
    Revalidated, StaleBecause, Times, Timestamp, ValidateBecause, age_value, conditional,
    head_freshening, revalidated, update,
};
use stackup_plugin::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use stackup_plugin::{Error, Method, Next, Request, Response, Result};

use crate::answer::{Answer, Asked, add_status};
use crate::entries::StoredEntry;
use crate::fetch::{Fetch, Joined};
use crate::fields::Of;
use crate::flights::{Landing, Lead};
use crate::keep::{add_date, head};
use crate::record::{Entry, finished};
use crate::target::Target;
use crate::{Cache, clock};

/// A request that validates a stored response.
struct Validation<'a> {
    fetch: Fetch<'a>,
    stored: StoredEntry,
    control: RequestControl,
    lead: Option<Lead>,
    sent: Timestamp,
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
        let control = self.control(&req);
        let mut fetch = Fetch::new(&req, target, forward, stored.flight.clone());
        let lead = match self.join_validation(&mut fetch, &stored, because).await? {
            Joined::Answered(res) => return Ok(res),
            Joined::Goes(lead) => lead,
        };
        let is_head = fetch.method == Method::HEAD;
        let conditions = match is_head {
            true => None,
            false => conditional(&stored.entry, &fetch.fields),
        };
        let retry = conditions.is_some().then(|| req.fork());
        if let Some(conditions) = &conditions {
            set(&mut req, conditions)?;
        }
        let validation = Validation {
            fetch,
            stored,
            control,
            lead,
            sent: clock::now(),
        };
        let outcome = next.again().run(req).await;
        let res = match outcome {
            Ok(res) => res,
            Err(error) => return self.after_error(validation, error).await,
        };
        let is_not_modified = res.status() == 304;
        let about = match &conditions {
            Some(sent) if is_not_modified => {
                revalidated(&validation.stored.entry, &Of(res.headers()), sent)
            }
            _ => Revalidated::OfClient,
        };
        match (about, retry) {
            (Revalidated::Stored, _) => self.after_not_modified(validation, &res).await,
            (Revalidated::Unknown, Some(mut retry)) => {
                for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
                    retry.headers_mut().remove(name);
                }
                let res = next.run(retry).await?;
                self.after_response(validation, res).await
            }
            _ => self.after_response(validation, res).await,
        }
    }

    /// Waits for another request that validates the same response, unless each has to do so itself.
    async fn join_validation(
        &self,
        fetch: &mut Fetch<'_>,
        stored: &StoredEntry,
        because: ValidateBecause,
    ) -> Result<Joined> {
        let policy = &stored.entry.policy;
        let identifies = ["authorization", "cookie"]
            .into_iter()
            .any(|name| fetch.fields.has(name));
        let alike = fetch.method == Method::GET
            && because == ValidateBecause::Expired
            && policy.lifetime.milliseconds > 0
            && (policy.shared || !identifies);
        self.join(fetch, alike).await
    }

    /// The stored response is good: it gets the fields of the 304 (§4.3.4).
    async fn after_not_modified(&self, validation: Validation<'_>, res: &Response) -> Result {
        let received = clock::now();
        let entry = self
            .freshen(&validation, &Of(res.headers()), received)
            .await;
        let Validation {
            fetch,
            stored,
            lead,
            ..
        } = validation;
        let answer = Answer::stored(entry);
        if let Some(lead) = lead {
            lead.land(self.shared_after_validation(&fetch, &answer));
        }
        let asked = Asked {
            is_head: fetch.method == Method::HEAD,
            fields: &fetch.fields,
            now: received,
        };
        let Some(mut res) = answer.response(&asked, &self.entries).await? else {
            let key = &stored.key;
            // The engine has dropped the content, and the response from below has none.
            let _ = self.entries.remove_entry(key).await;
            return Err(Error::new(
                stackup_plugin::StatusCode::SERVICE_UNAVAILABLE,
                "the store has dropped the cached response while it was validated",
            ));
        };
        let status = CacheStatus {
            forward: Some(fetch.forward),
            forward_status: Some(304),
            ttl: Some(answer.entry.policy.time_to_live(received)),
            ..CacheStatus::default()
        };
        add_status(&mut res, self.settings.name.as_deref(), &status)?;
        Ok(res)
    }

    fn shared_after_validation(&self, fetch: &Fetch<'_>, answer: &Answer) -> Landing {
        let place = crate::entries::Place::of(fetch.target, &fetch.fields, &answer.entry);
        Landing::Shared(std::sync::Arc::new(crate::flights::Shared {
            answer: answer.clone(),
            place,
        }))
    }

    /// Stores the entry with new fields; returns it.
    async fn freshen(
        &self,
        validation: &Validation<'_>,
        received_fields: &impl Fields,
        received: Timestamp,
    ) -> Entry {
        let Validation {
            fetch,
            stored,
            sent,
            ..
        } = validation;
        let old = &stored.entry;
        let mut fields = update(old, received_fields, &[]);
        add_date(&mut fields, received);
        // The age is that of the response that validated it.
        let age = age_value(received_fields).to_string();
        let mut aged = fields.clone();
        aged.0.push(("age".to_owned(), age.into_bytes()));
        let times = Times {
            sent: *sent,
            received,
        };
        let kept = self.storable(fetch, old.status, &aged, times);
        let policy = match &kept {
            Ok((policy, _)) => *policy,
            Err(_) => Policy {
                received,
                initial_age: 0,
                ..old.policy
            },
        };
        let record = finished(head(fetch, old.status, policy, &fields), &old.content);
        let outdated = validation.lead.as_ref().is_some_and(Lead::is_outdated);
        // If the store fails, the entry is stale there, and will be validated again.
        let _ = match kept {
            Ok(_) if !outdated => {
                let ttl = self.ttl(&policy, &fields, received);
                let extended = self.entries.extend(&old.content, ttl).await;
                match extended {
                    Ok(()) => self.entries.replace(&stored.key, &record, ttl).await,
                    Err(error) => Err(error),
                }
            }
            _ => self.entries.remove_entry(&stored.key).await,
        };
        Entry::read(record.into()).unwrap_or_else(|| old.clone())
    }

    /// Another response has come: it is passed on, unless it is an error and the stored one may stand in for it.
    async fn after_response(&self, validation: Validation<'_>, res: Response) -> Result {
        let received = clock::now();
        let status = res.status().as_u16();
        if let Some(because) = validation.stale_after(Failure::Status(status), received) {
            return self
                .stale(validation, because, Some(status), received)
                .await;
        }
        if validation.fetch.method == Method::HEAD && status == 200 {
            self.after_head(&validation, &res, received).await;
        }
        let Validation {
            fetch, lead, sent, ..
        } = validation;
        self.keep(&fetch, res, Times { sent, received }, lead, None)
            .await
    }

    /// A response to HEAD tells whether the stored one to GET has changed (§4.3.5).
    async fn after_head(&self, validation: &Validation<'_>, res: &Response, received: Timestamp) {
        let stored = &validation.stored;
        let fields = Of(res.headers());
        match head_freshening(&stored.entry, stored.entry.content.length(), &fields) {
            HeadFreshening::Update => {
                // It answers a GET from now on.
                let validation = Validation {
                    fetch: Fetch {
                        method: Method::GET,
                        fields: validation.fetch.fields.clone(),
                        target: validation.fetch.target,
                        forward: validation.fetch.forward,
                        flight: Vec::new(),
                    },
                    stored: stored.clone(),
                    lead: None,
                    control: validation.control,
                    sent: validation.sent,
                };
                self.freshen(&validation, &fields, received).await;
            }
            HeadFreshening::Changed => {
                let _ = self.entries.remove_entry(&stored.key).await;
            }
        }
    }

    async fn after_error(&self, validation: Validation<'_>, error: Error) -> Result {
        let now = clock::now();
        let status = error.status().as_u16();
        let failure = match status {
            502..=504 => Failure::NoAnswer,
            status => Failure::Status(status),
        };
        match validation.stale_after(failure, now) {
            Some(because) => {
                tracing_failure(&error);
                self.stale(validation, because, Some(status), now).await
            }
            None => {
                if let Some(lead) = validation.lead {
                    lead.land(Landing::Alone);
                }
                Err(error)
            }
        }
    }

    /// Answers with the stored response although it is stale (§4.2.4).
    async fn stale(
        &self,
        validation: Validation<'_>,
        because: StaleBecause,
        forward_status: Option<u16>,
        now: Timestamp,
    ) -> Result {
        let Validation {
            fetch,
            stored,
            lead,
            ..
        } = validation;
        if let Some(lead) = lead {
            lead.land(Landing::Alone);
        }
        let asked = Asked {
            is_head: fetch.method == Method::HEAD,
            fields: &fetch.fields,
            now,
        };
        let policy = stored.entry.policy;
        let answer = Answer::stored(stored.entry);
        let Some(mut res) = answer.response(&asked, &self.entries).await? else {
            let message = "the layers below failed, and the store has dropped the cached response";
            let status = stackup_plugin::StatusCode::BAD_GATEWAY;
            return Err(Error::new(status, message));
        };
        let status = CacheStatus {
            forward: Some(fetch.forward),
            forward_status,
            ttl: Some(policy.time_to_live(now)),
            detail: Some(because.rule()),
            ..CacheStatus::default()
        };
        add_status(&mut res, self.settings.name.as_deref(), &status)?;
        Ok(res)
    }
}

impl Validation<'_> {
    fn stale_after(&self, failure: Failure, now: Timestamp) -> Option<StaleBecause> {
        let policy = &self.stored.entry.policy;
        policy.reuse_after(failure, &self.control, now)
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

/// The client gets a response, so nobody else reports the failure.
fn tracing_failure(error: &Error) {
    stackup_plugin::tracing::warn!("the layers below failed, a stale response is used: {error}");
}
