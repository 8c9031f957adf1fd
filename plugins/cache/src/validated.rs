//! What comes of a validation: the stored response with new fields, another one, or a failure (RFC 9111 §4.3.3, §4.3.4).

use std::sync::Arc;

use cache_store::{Draft, Entry, Place, finished};
use http_cache::{
    CacheStatus, Failure, Fields, HeadFreshening, Policy, Revalidated, StaleBecause, Times,
    Timestamp, age_value, head_freshening, revalidated, update,
};
use stackup_plugin::{Error, Method, Response, Result, StatusCode, tracing};

use crate::answer::{Answer, Asked};
use crate::counts::Served;
use crate::fetch::Fetch;
use crate::fields::Of;
use crate::flights::{Landing, Shared};
use crate::keep::add_date;
use crate::validate::Validation;
use crate::{Cache, clock};

/// What a validation has come to.
pub(crate) enum Concluded {
    /// The response.
    Answered(Response),
    /// A 304 that is not certain to be about the stored response.
    Unknown(Box<Validation>, Response),
}

impl Cache {
    /// Acts on what came from below.
    pub(crate) async fn conclude(
        &self,
        validation: Validation,
        outcome: Result,
    ) -> Result<Concluded> {
        let res = match outcome {
            Ok(res) => res,
            Err(error) => {
                let answered = self.after_error(validation, error).await;
                return answered.map(Concluded::Answered);
            }
        };
        let about = match &validation.conditions {
            Some(sent) if res.status() == 304 => {
                revalidated(&validation.stored.entry, &Of(res.headers()), sent)
            }
            _ => Revalidated::OfClient,
        };
        let answered = match about {
            Revalidated::Stored => self.after_not_modified(validation, &res).await,
            Revalidated::OfClient => self.after_response(validation, res).await,
            Revalidated::Unknown => {
                return Ok(Concluded::Unknown(Box::new(validation), res));
            }
        };
        answered.map(Concluded::Answered)
    }

    /// The stored response is good: it gets the fields of the 304 (§4.3.4).
    async fn after_not_modified(&self, validation: Validation, res: &Response) -> Result {
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
                StatusCode::SERVICE_UNAVAILABLE,
                "the store has dropped the cached response while it was validated",
            ));
        };
        let status = CacheStatus {
            forward: Some(fetch.forward),
            forward_status: Some(304),
            ttl: Some(answer.entry.policy.time_to_live(received)),
            ..CacheStatus::default()
        };
        self.report(&mut res, fetch.served(Served::Validated), &status)?;
        Ok(res)
    }

    fn shared_after_validation(&self, fetch: &Fetch, answer: &Answer) -> Landing {
        let place = Place::of(&fetch.target, &fetch.fields, &answer.entry);
        Landing::Shared(Arc::new(Shared {
            answer: answer.clone(),
            place,
        }))
    }

    /// Stores the entry with new fields; returns it.
    async fn freshen(
        &self,
        validation: &Validation,
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
        let ttl = self.ttl(&policy, &fields, received);
        let place = Place::of(&fetch.target, &fetch.fields, &fields);
        let draft = Draft {
            status: old.status,
            ttl,
            sent: Some(*sent),
            ..Draft::new(&fetch.target, &place, policy, fields)
        };
        let record = finished(draft.head(), &old.content);
        let changed = self.changed.since(&fetch.target.key(), *sent);
        // If the store fails, the entry is stale there, and will be validated again.
        let _ = match kept {
            Ok(_) if !changed => {
                let extended = self.entries.extend(&old.content, ttl).await;
                match extended {
                    Ok(()) => {
                        self.entries
                            .replace(&stored.key, &draft, &old.content)
                            .await
                    }
                    Err(error) => Err(error),
                }
            }
            _ => self.entries.remove_entry(&stored.key).await,
        };
        Entry::read(record.into()).unwrap_or_else(|| old.clone())
    }

    /// Another response has come: it is passed on, unless it is an error and the stored one may stand in for it.
    pub(crate) async fn after_response(&self, validation: Validation, res: Response) -> Result {
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
    async fn after_head(&self, validation: &Validation, res: &Response, received: Timestamp) {
        let stored = &validation.stored;
        let fields = Of(res.headers());
        match head_freshening(&stored.entry, stored.entry.content.length(), &fields) {
            HeadFreshening::Update => {
                // It answers a GET from now on.
                let validation = Validation {
                    fetch: Fetch {
                        method: Method::GET,
                        fields: validation.fetch.fields.clone(),
                        target: validation.fetch.target.clone(),
                        forward: validation.fetch.forward,
                        flight: Vec::new(),
                        is_unasked: true,
                    },
                    stored: stored.clone(),
                    lead: None,
                    conditions: None,
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

    async fn after_error(&self, validation: Validation, error: Error) -> Result {
        let now = clock::now();
        let status = error.status().as_u16();
        let failure = match status {
            502..=504 => Failure::NoAnswer,
            status => Failure::Status(status),
        };
        match validation.stale_after(failure, now) {
            Some(because) => {
                // The client gets a response, so nobody else reports the failure.
                tracing::warn!("the layers below failed, a stale response is used: {error}");
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
        validation: Validation,
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
            let status = StatusCode::BAD_GATEWAY;
            return Err(Error::new(status, message));
        };
        let status = CacheStatus {
            forward: Some(fetch.forward),
            forward_status,
            ttl: Some(policy.time_to_live(now)),
            detail: Some(because.rule()),
            ..CacheStatus::default()
        };
        self.report(&mut res, fetch.served(Served::Stale), &status)?;
        Ok(res)
    }
}

impl Validation {
    fn stale_after(&self, failure: Failure, now: Timestamp) -> Option<StaleBecause> {
        let policy = &self.stored.entry.policy;
        policy.reuse_after(failure, &self.control, now)
    }
}
