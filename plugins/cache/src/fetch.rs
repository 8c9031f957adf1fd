//! A response that is not stored: from below, by one request for all who want it at the same time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cache_store::{Found, Target};
use http_cache::{CacheStatus, Fields, Forward, Reuse, Times, Timestamp};
use stackup_plugin::{Elapsed, Error, Method, Next, Request, Response, Result, StatusCode};

use crate::answer::Asked;
use crate::counts::Served;
use crate::fields::Copied;
use crate::flights::{Landing, Lead, Role, Shared};
use crate::handoff::handoff;
use crate::{Cache, clock};

/// The layers below may take so long to begin their response, once no client of theirs may be left.
const LONGEST_FETCH: Duration = Duration::from_secs(600);

/// For so many milliseconds a target counts as not cacheable.
const REMEMBERED: i64 = 120_000;

/// A request for the layers below, as it was before it went there.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) fields: Copied,
    pub(crate) forward: Forward,
    /// What requests for the same response have in common.
    pub(crate) flight: Vec<u8>,
    /// Whether no client waits for it.
    pub(crate) is_unasked: bool,
}

impl Fetch {
    pub(crate) fn new(req: &Request, target: &Target, forward: Forward, flight: Vec<u8>) -> Self {
        Self {
            method: req.method(),
            target: target.clone(),
            fields: Copied::of(req.headers()),
            forward,
            flight,
            is_unasked: false,
        }
    }

    /// As what its response counts.
    pub(crate) fn served(&self, served: Served) -> Served {
        match self.is_unasked {
            true => Served::Unasked,
            false => served,
        }
    }

    /// Whether others may get the answer to this request, or this one theirs: it has no credentials, and asks for the whole. A
    /// cookie is none (RFC 9111 §7.3): whether it matters is for the response to say.
    fn is_alike(&self) -> bool {
        const OWN: [&str; 5] = [
            "authorization",
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
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        req: Request,
        next: Next<'_>,
        mut fetch: Fetch,
    ) -> Result {
        let alike = fetch.is_alike() && !self.was_uncacheable(&fetch);
        let lead = match self.join(&mut fetch, alike).await? {
            Joined::Answered(res) => return Ok(res),
            Joined::Goes(None) => return self.finish(&fetch, next.run(req), None).await,
            Joined::Goes(Some(lead)) => lead,
        };
        // A request that had the flight before may have stored its response since this one looked.
        if let Some(res) = self.found_since(&req, &fetch).await? {
            return Ok(res);
        }
        // Others may wait for this response, so it must not depend on this client.
        let detached = match next.detach(req) {
            Ok(detached) => detached,
            Err((next, req)) => return self.finish(&fetch, next.run(req), Some(lead)).await,
        };
        let (giver, taker) = handoff();
        let this = Arc::clone(self);
        self.cx.spawn("fetch", async move {
            let limited = async {
                let fetched = this.cx.timeout(LONGEST_FETCH, detached).await;
                fetched.unwrap_or_else(|elapsed| Err(too_slow(elapsed)))
            };
            giver.give(this.finish(&fetch, limited, Some(lead)).await);
        });
        taker.take().await.unwrap_or_else(|| Err(ended()))
    }

    /// The stored response, if it is fresh.
    async fn found_since(&self, req: &Request, fetch: &Fetch) -> Result<Option<Response>> {
        let key = fetch.target.key();
        let found = self.entries.find(&fetch.target, key, &fetch.fields).await;
        let Ok(Found::Entry(stored)) = found else {
            return Ok(None);
        };
        let now = clock::now();
        if stored.entry.policy.reuse(&self.control(req), now) != Reuse::Fresh {
            return Ok(None);
        }
        let res = self.reused(req, &stored, None, now).await?;
        if res.is_some() {
            self.counts.count(Served::Hit);
        }
        Ok(res)
    }

    fn was_uncacheable(&self, fetch: &Fetch) -> bool {
        let Timestamp(now) = clock::now();
        self.uncacheable
            .since(&fetch.flight, Timestamp(now - REMEMBERED))
    }

    /// Whether nothing was stored for `key` a moment ago, and the response was not cacheable: then the store is not asked.
    pub(crate) fn passes(&self, key: &[u8]) -> bool {
        let Timestamp(now) = clock::now();
        self.passing.since(key, Timestamp(now - REMEMBERED))
    }

    /// Remembers that the response to `fetch` was not cacheable.
    pub(crate) fn remember_uncacheable(&self, fetch: &Fetch, status: u16, now: Timestamp) {
        // An error passes. What another process stores until then is to be found.
        let is_error = status >= 500;
        let memory = match fetch.forward {
            Forward::UriMiss if !is_error => &self.passing,
            _ => &self.uncacheable,
        };
        // Most requests find it there.
        if !memory.since(&fetch.flight, Timestamp(now.0 - REMEMBERED / 2)) {
            memory.add(&fetch.flight, now);
        }
    }

    /// Gets a response from below, for this request alone.
    pub(crate) async fn fetch_alone(&self, req: Request, next: Next<'_>, fetch: Fetch) -> Result {
        self.finish(&fetch, next.run(req), None).await
    }

    /// Waits for the response from below, and stores it if it may be.
    async fn finish(
        &self,
        fetch: &Fetch,
        running: impl Future<Output = Result>,
        lead: Option<Lead>,
    ) -> Result {
        let sent = clock::now();
        let res = running.await;
        let times = Times {
            sent,
            received: clock::now(),
        };
        match res {
            Ok(res) => self.keep(fetch, res, times, lead, None).await,
            Err(error) => {
                if let Some(lead) = lead {
                    lead.land(Landing::Alone);
                }
                Err(error)
            }
        }
    }

    /// Waits for another request of the same kind, if there is one.
    pub(crate) async fn join(&self, fetch: &mut Fetch, alike: bool) -> Result<Joined> {
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
                Ok(Landing::Alone | Landing::Shared(_)) => return Ok(Joined::Goes(None)),
                Err(_) => {
                    // It takes too long. The next requests wait for another one.
                    self.flights.forget(&fetch.flight, &flight);
                    return Ok(Joined::Goes(None));
                }
            }
        }
    }

    /// Another request's answer, if it may be reused for this one.
    async fn shared(&self, fetch: &Fetch, shared: &Arc<Shared>) -> Result<Option<Response>> {
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
        self.report(&mut res, Served::Miss, &status)?;
        Ok(Some(res))
    }
}

fn too_slow(elapsed: Elapsed) -> Error {
    Error::new(StatusCode::GATEWAY_TIMEOUT, elapsed)
}

fn ended() -> Error {
    let message = "the stack was replaced before the layers below answered";
    Error::new(StatusCode::SERVICE_UNAVAILABLE, message)
}
