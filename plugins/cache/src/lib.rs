//! A middleware that caches responses as a shared HTTP cache (RFC 9111).
//!
//! The rules are those of the crate `http-cache`; here responses are found, streamed and stored.

#![forbid(unsafe_code)]

mod answer;
mod body;
mod change;
mod clock;
mod config;
mod entries;
mod fetch;
mod fields;
mod fill;
mod flights;
mod handoff;
mod keep;
mod parts;
mod place;
mod random;
mod read;
mod recent;
mod record;
mod target;
mod validate;
mod validated;

use std::sync::Arc;

use http_cache::{CacheStatus, Forward, Rule, is_safe};
use stackup_plugin::{Context, Middleware, Next, Request, Result};

use self::answer::add_status;
pub use self::config::Config;
use self::config::Settings;
use self::entries::Entries;
use self::flights::Flights;
use self::recent::Recent;
use self::target::Target;

/// Answers requests from the store where the rules allow it.
pub struct CacheLayer(Arc<Cache>);

/// What its requests and tasks share.
struct Cache {
    cx: Context,
    settings: Settings,
    entries: Entries,
    flights: Arc<Flights>,
    /// Targets whose responses were not cacheable: requests for them do not wait for each other.
    uncacheable: Recent,
    /// Targets that were invalidated: what was asked for before is not stored.
    changed: Arc<Recent>,
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
            settings,
            entries: Entries::new(store),
            flights: Arc::default(),
            uncacheable: Recent::default(),
            changed: Arc::default(),
        })))
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let Some(target) = Target::of(&req) else {
            return next.run(req).await;
        };
        let method = req.method();
        match method.as_str() {
            "GET" | "HEAD" if is_only_for_origin(&req) => {
                self.0.pass(req, next, Forward::Bypass, None).await
            }
            "GET" | "HEAD" => self.0.read(req, next, &target).await,
            method if is_safe(method) => self.0.pass(req, next, Forward::Method, None).await,
            _ => self.0.change(req, next, &target).await,
        }
    }
}

impl Cache {
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
        add_status(&mut res, self.settings.name.as_deref(), &status)?;
        Ok(res)
    }
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
