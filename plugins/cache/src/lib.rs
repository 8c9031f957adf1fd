//! A middleware that caches responses as a shared HTTP cache (RFC 9111).
//!
//! The rules are those of the crate `http-cache`; here responses are found, streamed and stored.

#![forbid(unsafe_code)]

mod answer;
mod body;
mod change;
mod clock;
mod config;
mod counts;
mod fetch;
mod fields;
mod fill;
mod flights;
mod handoff;
mod hints;
mod keep;
mod parts;
mod read;
mod recent;
mod refusals;
mod shown_key;
mod tail;
mod validate;
mod validated;

use std::sync::Arc;

use cache_store::Target;
use http_cache::{CacheStatus, Forward, Rule, is_safe};
use stackup_plugin::{Context, Middleware, Next, Request, Response, Result, Store};

use self::answer::add_status;
pub use self::config::Config;
use self::config::Settings;
use self::counts::{Counts, Served};
use self::flights::Flights;
use self::recent::Recent;
use self::refusals::Refusals;
use self::shown_key::ShownKey;

/// Where responses are stored.
type Entries = cache_store::Entries<Store>;

/// Answers requests from the store where the rules allow it.
pub struct CacheLayer(Arc<Cache>);

/// What its requests and tasks share.
struct Cache {
    cx: Context,
    settings: Settings,
    /// Whether `cache-status` has the key, for the inspector.
    shows_keys: bool,
    entries: Entries,
    flights: Arc<Flights>,
    /// Targets whose responses were not cacheable: requests for them do not wait for each other.
    uncacheable: Recent,
    /// Those of them for which nothing was stored either: the store is not asked for a while.
    passing: Recent,
    /// Targets that were invalidated: what was asked for before is not stored.
    changed: Arc<Recent>,
    refusals: Refusals,
    counts: Counts,
}

impl Middleware for CacheLayer {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let settings = config.checked()?;
        let store = match &settings.namespace {
            Some(namespace) => cx.store_named(namespace),
            None => cx.store(),
        };
        Ok(Self(Arc::new(Cache {
            cx: cx.clone(),
            shows_keys: settings.name.is_some() && cx.environment() == "development",
            settings,
            entries: Entries::new(store),
            flights: Arc::default(),
            uncacheable: Recent::default(),
            passing: Recent::default(),
            changed: Arc::default(),
            refusals: Refusals::default(),
            counts: Counts::new(cx)?,
        })))
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let Some(target) = target(&req) else {
            self.0.counts.count(Served::Passed);
            return next.run(req).await;
        };
        if !self.0.shows_keys {
            return self.0.answer(req, next, &target).await;
        }
        let key = ShownKey::of(&req, &target);
        let mut res = self.0.answer(req, next, &target).await?;
        key.add_to(&mut res)?;
        Ok(res)
    }
}

impl Cache {
    async fn answer(self: &Arc<Self>, req: Request, next: Next<'_>, target: &Target) -> Result {
        let method = req.method();
        match method.as_str() {
            "GET" | "HEAD" if is_only_for_origin(&req) => {
                self.pass(req, next, Forward::Bypass, None).await
            }
            "GET" | "HEAD" => self.read(req, next, target).await,
            method if is_safe(method) => self.pass(req, next, Forward::Method, None).await,
            _ => Box::pin(self.change(req, next, target)).await,
        }
    }

    /// Passes a request on, whatever is stored.
    async fn pass(
        &self,
        req: Request,
        next: Next<'_>,
        forward: Forward,
        detail: Option<Rule>,
    ) -> Result {
        let mut res = next.run(req).await?;
        let status = CacheStatus {
            forward: Some(forward),
            detail,
            ..CacheStatus::default()
        };
        self.report(&mut res, Served::Passed, &status)?;
        Ok(res)
    }

    /// Counts a response, and says in it what was done.
    fn report(&self, res: &mut Response, served: Served, status: &CacheStatus) -> Result<()> {
        self.counts.count(served);
        add_status(res, self.settings.name.as_deref(), status)
    }
}

/// The target of a request; `None` if it has no path or no host.
fn target(req: &Request) -> Option<Target> {
    Target::new(req.scheme(), req.header("host")?, req.path(), req.query())
}

/// Whether only the layers below can answer a request: it has content, wants another protocol, or has a condition that is
/// about the current state of the resource (RFC 9111 §4.3.2).
fn is_only_for_origin(req: &Request) -> bool {
    let headers = req.headers();
    let content = headers
        .get("content-length")
        .is_some_and(|length| length != "0");
    content
        || [
            "transfer-encoding",
            "if-match",
            "if-unmodified-since",
            "upgrade",
        ]
        .into_iter()
        .any(|name| headers.contains(name))
}

stackup_plugin::export!(middleware CacheLayer as "cache");

#[cfg(test)]
mod tests;
