//! A response that is not stored: from below, by one request for all who want it at the same time.

use std::sync::Arc;

use http_cache::{CacheStatus, Fields, Forward, List, Reuse, Times};
use stackup_plugin::{Method, Next, Request, Response, Result};

use crate::answer::{Asked, add_status};
use crate::fields::Of;
use crate::flights::{Landing, Lead, Role, Shared};
use crate::target::Target;
use crate::{Cache, clock};

/// A request for the layers below, as it was before it went there.
#[derive(Debug)]
pub(crate) struct Fetch<'a> {
    pub(crate) method: Method,
    pub(crate) target: &'a Target,
    pub(crate) fields: List,
    pub(crate) forward: Forward,
    /// What requests for the same response have in common.
    pub(crate) flight: Vec<u8>,
}

impl<'a> Fetch<'a> {
    pub(crate) fn new(
        req: &Request,
        target: &'a Target,
        forward: Forward,
        flight: Vec<u8>,
    ) -> Self {
        Self {
            method: req.method(),
            target,
            fields: Of(req.headers()).all().collect(),
            forward,
            flight,
        }
    }

    /// Whether others may get the answer to this request, or this one theirs: it identifies nobody, and asks for the whole.
    fn is_alike(&self) -> bool {
        const OWN: [&str; 6] = [
            "authorization",
            "cookie",
            "range",
            "if-none-match",
            "if-modified-since",
            "cache-control",
        ];
        self.method == Method::GET && OWN.into_iter().all(|name| !self.fields.has(name))
    }
}

/// Whether a request goes down, or has its answer.
pub(crate) enum Joined {
    /// It goes down, for others too if it has a lead.
    Goes(Option<Lead>),
    /// It has another request's answer.
    Answered(Response),
}

impl Cache {
    /// Gets a response from below, or with another request for it.
    pub(crate) async fn fetch(&self, req: Request, next: Next<'_>, mut fetch: Fetch<'_>) -> Result {
        let alike = fetch.is_alike() && !self.uncacheable.contains(&fetch.flight, clock::now());
        let lead = match self.join(&mut fetch, alike).await? {
            Joined::Answered(res) => return Ok(res),
            Joined::Goes(lead) => lead,
        };
        let sent = clock::now();
        let res = next.run(req).await;
        let times = Times {
            sent,
            received: clock::now(),
        };
        match res {
            Ok(res) => self.keep(&fetch, res, times, lead, None).await,
            Err(error) => {
                if let Some(lead) = lead {
                    lead.land(Landing::Alone);
                }
                Err(error)
            }
        }
    }

    /// Waits for another request of the same kind, if there is one.
    pub(crate) async fn join(&self, fetch: &mut Fetch<'_>, alike: bool) -> Result<Joined> {
        let Some(limit) = self.settings.collapse.filter(|_| alike) else {
            return Ok(Joined::Goes(None));
        };
        let mut corrected = false;
        loop {
            let flight = match self.flights.join(fetch.flight.clone()) {
                Role::Leads(lead) => return Ok(Joined::Goes(Some(lead))),
                Role::Follows(flight) => flight,
            };
            match self.cx.timeout(limit, flight.landing()).await {
                Ok(Landing::Abandoned) => {}
                Ok(Landing::Shared(shared)) if shared.place.selects(&fetch.fields) => {
                    let answered = self.shared(fetch, &shared).await?;
                    return Ok(answered.map_or(Joined::Goes(None), Joined::Answered));
                }
                // It was for another variant: those of this one meet elsewhere.
                Ok(Landing::Shared(shared)) if !corrected => {
                    corrected = true;
                    fetch.flight = shared.place.flight_of(&fetch.fields);
                }
                Ok(Landing::Alone | Landing::Shared(_)) | Err(_) => return Ok(Joined::Goes(None)),
            }
        }
    }

    /// Another request's answer, if it may be reused for this one.
    async fn shared(&self, fetch: &Fetch<'_>, shared: &Arc<Shared>) -> Result<Option<Response>> {
        let now = clock::now();
        let control = http_cache::RequestControl::of(&fetch.fields);
        let policy = &shared.answer.entry.policy;
        if policy.reuse(&control, now) != Reuse::Fresh {
            return Ok(None);
        }
        let asked = Asked {
            is_head: fetch.method == Method::HEAD,
            fields: &fetch.fields,
            now,
        };
        let res = shared.answer.response(&asked, &self.entries).await?;
        let Some(mut res) = res else { return Ok(None) };
        let status = CacheStatus {
            forward: Some(fetch.forward),
            ttl: Some(policy.time_to_live(now)),
            collapsed: true,
            ..CacheStatus::default()
        };
        add_status(&mut res, self.settings.name.as_deref(), &status)?;
        Ok(Some(res))
    }
}
