//! GET and HEAD: from the store if a response there may be reused (RFC 9111 §4).

use http_cache::{CacheStatus, Forward, RequestControl, Reuse, Rule, ValidateBecause};
use stackup_plugin::{Method, Next, Request, Response, Result, StatusCode};

use crate::answer::{Answer, Asked, add_status};
use crate::entries::{Found, StoredEntry};
use crate::fetch::Fetch;
use crate::fields::Of;
use crate::target::Target;
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
    /// Answers a GET or HEAD.
    pub(crate) async fn read(&self, req: Request, next: Next<'_>, target: &Target) -> Result {
        let found = self.entries.find(target, &Of(req.headers())).await;
        let Ok(found) = found else {
            return self.pass(req, next, Forward::Bypass, Some(NO_STORE)).await;
        };
        let control = self.control(&req);
        let (forward, flight) = match found {
            Found::Entry(stored) => {
                let reuse = stored.entry.policy.reuse(&control, clock::now());
                match self.reused(&req, &stored, reuse).await? {
                    Ok(res) => return Ok(res),
                    Err(Some(because)) => {
                        return self.validate(req, next, target, stored, because).await;
                    }
                    // The engine has dropped its body.
                    Err(None) => (Forward::UriMiss, stored.flight),
                }
            }
            Found::OtherVariants(flight) => (Forward::VaryMiss, flight),
            Found::Nothing => (Forward::UriMiss, target.key()),
        };
        if control.only_if_cached {
            return self.gateway_timeout(ONLY_IF_CACHED);
        }
        let fetch = Fetch::new(&req, target, forward, flight);
        self.fetch(req, next, fetch).await
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

    /// The response from the store, or why it must be validated first.
    async fn reused(
        &self,
        req: &Request,
        stored: &StoredEntry,
        reuse: Reuse,
    ) -> Result<Result<Response, Option<ValidateBecause>>> {
        let detail = match reuse {
            Reuse::Fresh => None,
            Reuse::Stale(because) => Some(because.rule()),
            // One request of many validates, the others are answered meanwhile.
            Reuse::StaleWhileRevalidate if self.flights.is_under_way(&stored.flight) => {
                Some(STALE_WHILE_REVALIDATE)
            }
            Reuse::StaleWhileRevalidate => return Ok(Err(Some(ValidateBecause::Expired))),
            Reuse::Validate(because) => return Ok(Err(Some(because))),
            Reuse::GatewayTimeout(because) => return self.gateway_timeout(because.rule()).map(Ok),
        };
        let now = clock::now();
        let asked = Asked {
            is_head: req.method() == Method::HEAD,
            fields: &Of(req.headers()),
            now,
        };
        let answer = Answer::stored(stored.entry.clone());
        let Some(mut res) = answer.response(&asked, &self.entries).await? else {
            return Ok(Err(None));
        };
        let status = CacheStatus {
            hit: true,
            ttl: Some(stored.entry.policy.time_to_live(now)),
            detail,
            ..CacheStatus::default()
        };
        add_status(&mut res, self.settings.name.as_deref(), &status)?;
        Ok(Ok(res))
    }

    fn gateway_timeout(&self, detail: Rule) -> Result {
        let mut res = Response::new(StatusCode::GATEWAY_TIMEOUT);
        let status = CacheStatus {
            detail: Some(detail),
            ..CacheStatus::default()
        };
        add_status(&mut res, self.settings.name.as_deref(), &status)?;
        Ok(res)
    }
}

const STALE_WHILE_REVALIDATE: Rule = Rule {
    section: "RFC 5861 §3",
    text: "stale-while-revalidate",
};
