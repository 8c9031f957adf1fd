//! Storing a response while it is passed on (RFC 9111 §3).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_store::{Content, Draft, Entry, LONGEST_LIFE, PIECE, Place, finished, random};
use http_cache::{
    CacheStatus, ContentRange, Fields, Forward, List, NotStored, Options, Policy, ResponseControl,
    Rule, Storing, Times, Timestamp, Validators, content_range, is_safe, storable, stored_fields,
    write_http_date,
};
use stackup_plugin::{Body, Response, Result};

use crate::Entries;
use crate::answer::Answer;
use crate::body::Reader;
use crate::counts::Served;
use crate::fetch::Fetch;
use crate::fields::Of;
use crate::fill::Fill;
use crate::flights::{Landing, Lead, Shared};
use crate::recent::Recent;
use crate::{Cache, parts};

const TOO_LONG: Rule = Rule {
    section: "config",
    text: "longer than max_bytes",
};

const OF_LAYERS: Rule = Rule {
    section: "SPEC R31",
    text: "it has a message for a layer above",
};

const PART: Rule = Rule {
    section: "RFC 9111 §3.3",
    text: "a part that can't be put together",
};

/// A response that is about to be stored.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) draft: Draft,
    pub(crate) place: Place,
    /// The part that it is, if it is not the whole.
    part: Option<ContentRange>,
    /// The key of its target.
    target: Vec<u8>,
}

impl Cache {
    /// Passes on the response to `fetch`, and stores it if it may be. `forward_status` is the status that came from below, where
    /// another one was answered to.
    pub(crate) async fn keep(
        &self,
        fetch: &Fetch,
        mut res: Response,
        times: Times,
        lead: Option<Lead>,
        forward_status: Option<u16>,
    ) -> Result {
        let mut status = CacheStatus {
            forward: Some(fetch.forward),
            forward_status,
            ..CacheStatus::default()
        };
        match self.kept(fetch, &res, times) {
            Ok(kept) => {
                self.uncacheable.remove(&fetch.flight);
                self.passing.remove(&kept.target);
                status.stored = true;
                status.ttl = Some(kept.draft.policy.time_to_live(times.received));
                self.store(kept, &mut res, lead).await?;
            }
            Err((rule, remembered)) => {
                if remembered {
                    let status = res.status().as_u16();
                    self.remember_uncacheable(fetch, status, times.received);
                }
                if let Some(lead) = lead {
                    lead.land(Landing::Alone);
                }
                if is_safe(fetch.method.as_str()) {
                    let (target, status) = (&fetch.target, res.status().as_u16());
                    self.note_refusal(target, status, rule, times.received);
                }
                status.detail = Some(rule);
            }
        }
        let served = match fetch.forward {
            Forward::Bypass | Forward::Method => Served::Passed,
            _ => Served::Miss,
        };
        self.report(&mut res, fetch.served(served), &status)?;
        Ok(res)
    }

    /// What to store of a response, or the rule that forbids it and whether it concerns the next request too.
    fn kept(&self, fetch: &Fetch, res: &Response, times: Times) -> Result<Kept, (Rule, bool)> {
        let response = Of(res.headers());
        let status = res.status().as_u16();
        let (policy, control) = self
            .storable(fetch, status, &response, times)
            .map_err(|error| (error.rule(), !error.depends_on_request()))?;
        let place = Place::of(&fetch.target, &fetch.fields, &response);
        let part = response.only("content-range").and_then(content_range);
        let part = part.filter(|_| status == 206);
        // Parts have one place for each target.
        if status == 206 && !part.is_some_and(|part| part.complete.is_some() && place.is_plain()) {
            return Err((PART, false));
        }
        if response.all().any(|(name, _)| name.starts_with("rack.")) {
            return Err((OF_LAYERS, false));
        }
        let declared = response.only("content-length").and_then(number);
        if declared.is_some_and(|length| length > self.settings.max_bytes) {
            return Err((TOO_LONG, true));
        }
        let fields = fields_to_store(&response, &control, times.received);
        Ok(Kept {
            draft: Draft {
                status,
                ttl: self.ttl(&policy, &fields, times.received),
                sent: is_safe(fetch.method.as_str()).then_some(times.sent),
                ..Draft::new(&fetch.target, &place, policy, fields)
            },
            place,
            part,
            target: fetch.target.key(),
        })
    }

    /// Whether a response to `fetch` may be stored.
    pub(crate) fn storable(
        &self,
        fetch: &Fetch,
        status: u16,
        response: &impl Fields,
        times: Times,
    ) -> Result<(Policy, ResponseControl), NotStored> {
        let targeted: Vec<_> = self.settings.targeted.iter().map(String::as_str).collect();
        let exchange = Storing {
            method: fetch.method.as_str(),
            origin: &fetch.target.origin(),
            target: fetch.target.path_and_query(),
            request: &fetch.fields,
            status,
            response,
            times,
        };
        let options = Options {
            targeted: &targeted,
            heuristic: self.settings.heuristic,
        };
        storable(&exchange, &options)
    }

    /// How long an entry is stored: as long as it is of use, and where it can be validated or used in need, some time more.
    pub(crate) fn ttl(&self, policy: &Policy, fields: &List, now: Timestamp) -> Duration {
        let useful = Duration::from_millis(policy.useful_for(now));
        let is_of_use_stale = !policy.forbids_stale || !Validators::of(fields).is_empty();
        let more = if is_of_use_stale {
            self.settings.keep
        } else {
            Duration::ZERO
        };
        useful.saturating_add(more).min(LONGEST_LIFE)
    }

    /// Stores a response whose content is complete now, or begins to fill the store while it streams.
    async fn store(&self, kept: Kept, res: &mut Response, lead: Option<Lead>) -> Result<()> {
        let declared = Of(res.headers()).only("content-length").and_then(number);
        match res.take_body().into_bytes() {
            Ok(bytes) if self.is_short(&bytes, declared) => {
                let content = Content::Inline(bytes.clone());
                if let Some(lead) = &lead {
                    let record = finished(kept.draft.head(), &content);
                    land(lead, record.into(), None, kept.place.clone());
                }
                add(&self.entries, &self.changed, kept, content).await;
                res.set_body(bytes);
            }
            Ok(bytes) => {
                let length = declared.or(Some(bytes.len() as u64));
                self.fill(kept, res, bytes.into(), length, lead);
            }
            Err(body) => {
                let length = declared.or(body.size_hint().exact());
                self.fill(kept, res, body, length, lead);
            }
        }
        Ok(())
    }

    fn is_short(&self, bytes: &Bytes, declared: Option<u64>) -> bool {
        let length = bytes.len() as u64;
        bytes.len() <= PIECE
            && length <= self.settings.max_bytes
            && declared.is_none_or(|declared| declared == length)
    }

    /// Has a task read the body into the store. The client reads along, as do all who join.
    fn fill(
        &self,
        kept: Kept,
        res: &mut Response,
        body: Body,
        length: Option<u64>,
        lead: Option<Lead>,
    ) {
        let fill = Fill::new(self.entries.clone(), random(), length);
        if let Some(reader) = Reader::join(&fill) {
            res.set_body(Body::new(reader));
        }
        if let Some(lead) = &lead {
            let record = finished(kept.draft.head(), &Content::Inline(Bytes::new()));
            let place = kept.place.clone();
            land(lead, record.into(), Some(Arc::clone(&fill)), place);
        }
        let (entries, changed) = (self.entries.clone(), Arc::clone(&self.changed));
        let most = self.settings.max_bytes;
        self.cx.spawn("fill", async move {
            let Some(content) = fill.run(body, most, kept.draft.ttl).await else {
                return;
            };
            add(&entries, &changed, kept, content).await;
            // Until now others could read along.
            drop(lead);
        });
    }
}

/// Stores a response, unless its target has changed since it was asked for.
async fn add(entries: &Entries, changed: &Recent, kept: Kept, content: Content) {
    if let Some(sent) = kept.draft.sent
        && changed.since(&kept.target, sent)
    {
        return;
    }
    // A store that fails has nobody else to suffer.
    let _ = match kept.part {
        Some(part) if part.length() == content.length() => {
            parts::add(entries, kept, part, content).await
        }
        Some(_) => Ok(()),
        None => entries.add(&kept.place, &kept.draft, &content).await,
    };
}

fn land(lead: &Lead, record: Bytes, fill: Option<Arc<Fill>>, place: Place) {
    let landing = match Entry::read(record) {
        Some(entry) => Landing::Shared(Arc::new(Shared {
            answer: Answer { entry, fill },
            place,
        })),
        None => Landing::Alone,
    };
    lead.land(landing);
}

/// The fields of a response that are stored, with a date (RFC 9110 §6.6.1).
fn fields_to_store(response: &impl Fields, control: &ResponseControl, received: Timestamp) -> List {
    let mut fields: List = stored_fields(response, &control.excluded).collect();
    add_date(&mut fields, received);
    fields
}

/// Adds when the response came, if it does not say when it was made.
pub(crate) fn add_date(fields: &mut List, received: Timestamp) {
    if !fields.has("date") {
        let date = write_http_date(received).into_bytes();
        fields.0.push(("date".to_owned(), date));
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}
