//! GET and HEAD: from the store if a response there may be reused (RFC 9111 §4).

use std::sync::Arc;

use cache_store::{Found, StoredEntry, Target};
use http_cache::{CacheStatus, Forward, RequestControl, Reuse, Rule, Timestamp, ValidateBecause};
use stackup_plugin::{Method, Next, Request, Response, Result, StatusCode};

use crate::answer::{Asked, add_status, stored_response};
use crate::counts::Served;
use crate::fetch::Fetch;
use crate::fields::Of;
use crate::flights::Role;
use crate::{Cache, clock};

/// A store that does not answer must not stop the site.
const NO_STORE: Rule = Rule {
    section: "config",
    text: "the store does not answer",
};

const ONLY_IF_CACHED: Rule = Rule {
    section: "RFC 9111 §5.2.1.7",
    text: "only-if-cached, and nothing fits",
};

impl Cache {
    /// Answers a GET or HEAD. What a hit does not need is in boxes of its own, so that its future is small.
    pub(crate) async fn read(
        self: &Arc<Self>,
        mut req: Request,
        next: Next<'_>,
        target: &Target,
    ) -> Result {
        let control = self.control(&req);
        let key = target.key();
        if self.passes(&key) && !control.only_if_cached {
            let fetch = Fetch::new(&req, target, Forward::UriMiss, key);
            return Box::pin(self.fetch_alone(req, next, fetch)).await;
        }
        let found = self.entries.find(target, key, &Of(req.headers())).await;
        let Ok(found) = found else {
            return self.pass(req, next, Forward::Bypass, Some(NO_STORE)).await;
        };
        let (forward, flight) = match found {
            Found::Entry(stored) => {
                let now = clock::now();
                let reuse = stored.entry.policy.reuse(&control, now);
                let detail = match reuse {
                    Reuse::Fresh => None,
                    Reuse::Stale(because) => Some(because.rule()),
                    Reuse::StaleWhileRevalidate => Some(STALE_WHILE_REVALIDATE),
                    Reuse::Validate(because) => {
                        let validated = self.validate(req, next, target, stored, because);
                        return Box::pin(validated).await;
                    }
                    Reuse::GatewayTimeout(because) => return self.gateway_timeout(because.rule()),
                };
                match self.reused(&req, &stored, detail, now).await? {
                    Some(res) if reuse == Reuse::StaleWhileRevalidate => {
                        let reused = self.reuse_and_validate(res, req, next, target, stored);
                        return Box::pin(reused).await;
                    }
                    Some(res) => {
                        let is_fresh = reuse == Reuse::Fresh;
                        let served = if is_fresh { Served::Hit } else { Served::Stale };
                        self.counts.count(served);
                        return Ok(res);
                    }
                    // The engine has dropped its body.
                    None => (Forward::UriMiss, stored.flight()),
                }
            }
            Found::OtherVariants(flight) => (Forward::VaryMiss, flight),
            Found::Nothing => {
                let part = self.part_of(&mut req, &next, target, &control);
                if let Some(res) = Box::pin(part).await? {
                    return Ok(res);
                }
                (Forward::UriMiss, target.key())
            }
        };
        if control.only_if_cached {
            return self.gateway_timeout(ONLY_IF_CACHED);
        }
        let fetch = Fetch::new(&req, target, forward, flight);
        Box::pin(self.fetch(req, next, fetch)).await
    }

    /// The response to a GET of which a part is stored: that part, or the whole after the rest was fetched.
    async fn part_of(
        &self,
        req: &mut Request,
        next: &Next<'_>,
        target: &Target,
        control: &RequestControl,
    ) -> Result<Option<Response>> {
        if req.method() != Method::GET || control.no_store {
            return Ok(None);
        }
        let Ok(Some(stored)) = self.entries.part_for(target).await else {
            return Ok(None);
        };
        match self.part_response(req, control, &stored).await? {
            Some(res) => Ok(Some(res)),
            None if control.only_if_cached => Ok(None),
            None => self.complete(req, next, target, stored).await,
        }
    }

    /// What a request demands of this cache.
    pub(crate) fn control(&self, req: &Request) -> RequestControl {
        let control = RequestControl::of(&Of(req.headers()));
        match self.settings.client_directives {
            true => control,
            false => RequestControl {
                no_store: control.no_store,
                only_if_cached: control.only_if_cached,
                ..RequestControl::default()
            },
        }
    }

    /// Answers with a stale response while another task validates it (RFC 5861 §3).
    async fn reuse_and_validate(
        self: &Arc<Self>,
        res: Response,
        req: Request,
        next: Next<'_>,
        target: &Target,
        stored: StoredEntry,
    ) -> Result {
        // One request of many validates.
        let Role::Leads(lead) = self.flights.join(stored.flight()) else {
            self.counts.count(Served::Stale);
            return Ok(res);
        };
        let behind = self.validate_behind(req, next, target, stored, lead);
        match behind.await? {
            None => {
                self.counts.count(Served::Stale);
                Ok(res)
            }
            // Nothing can outlive this request, so it waits.
            Some((req, next, stored)) => {
                let because = ValidateBecause::Expired;
                self.validate(req, next, target, stored, because).await
            }
        }
    }

    /// The response from the store; `None` if the engine has dropped its content.
    pub(crate) async fn reused(
        &self,
        req: &Request,
        stored: &StoredEntry,
        detail: Option<Rule>,
        now: Timestamp,
    ) -> Result<Option<Response>> {
        let asked = Asked {
            is_head: req.method() == Method::HEAD,
            fields: &Of(req.headers()),
            now,
        };
        let Some(mut res) = stored_response(&stored.entry, &asked, &self.entries).await? else {
            return Ok(None);
        };
        let status = CacheStatus {
            hit: true,
            ttl: Some(stored.entry.policy.time_to_live(now)),
            detail,
            ..CacheStatus::default()
        };
        // What may be discarded is not counted yet.
        add_status(&mut res, self.settings.name.as_deref(), &status)?;
        Ok(Some(res))
    }

    fn gateway_timeout(&self, detail: Rule) -> Result {
        let mut res = Response::new(StatusCode::GATEWAY_TIMEOUT);
        let status = CacheStatus {
            detail: Some(detail),
            ..CacheStatus::default()
        };
        self.report(&mut res, Served::Miss, &status)?;
        Ok(res)
    }
}

const STALE_WHILE_REVALIDATE: Rule = Rule {
    section: "RFC 5861 §3",
    text: "stale-while-revalidate",
};
