//! A middleware that checks its neighbours against SPEC.md: Rack's `Rack::Lint`.

#![forbid(unsafe_code)]

mod body;
mod pair;
mod report;
mod request;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::{BodyDigest, FrameChecker, ResponseHead};
use stackup_plugin::header::ETAG;
use stackup_plugin::{Body, Context, Method, Middleware, Next, Request, Response, Result, tracing};

use self::body::CheckedBody;
use self::pair::Pair;
use self::report::Reporter;

/// `[use.config]` of `lint`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// Whether a violation fails the request. Otherwise it is only logged.
    strict: bool,
    /// How long the layers below may block the thread at a time before it is logged, in milliseconds.
    blocking_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            strict: true,
            blocking_ms: 100,
        }
    }
}

/// Checks requests on their way down and responses on their way up.
pub struct Lint {
    reporter: Reporter,
    blocking: Duration,
}

impl Middleware for Lint {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self {
            reporter: Reporter::new(config.strict),
            blocking: Duration::from_millis(config.blocking_ms),
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        self.reporter.report(request::check(&mut req))?;
        let is_head = req.method() == Method::HEAD;
        let above = Pair::with_lint_above(&req);
        let below = Pair::for_lint_below(&mut req);
        let mut res = self.run_timed(req, next).await?;
        self.check(&mut res, is_head, above, below)?;
        Ok(res)
    }
}

impl Lint {
    /// Runs the layers below, and reports those that block the thread.
    async fn run_timed(&self, req: Request, next: Next<'_>) -> Result {
        let mut running = pin!(next.run(req));
        std::future::poll_fn(|cx| {
            let start = Instant::now();
            let polled = running.as_mut().poll(cx);
            report_blocking("K1: the layers below", start.elapsed(), self.blocking);
            polled
        })
        .await
    }

    /// Checks the head, and has the body checked as it passes.
    fn check(
        &self,
        res: &mut Response,
        is_head: bool,
        above: Option<Arc<Pair>>,
        below: Arc<Pair>,
    ) -> Result<()> {
        let body = res.take_body();
        let body_size = body.size_hint().exact();
        let headers = res.headers();
        let fields = headers.iter().map(|(name, value)| (name, value.as_bytes()));
        let fields: Vec<_> = fields.collect();
        let status = res.status().as_u16();
        let head = ResponseHead {
            status,
            headers: &fields,
            is_head,
            body_size,
            upgrades: res.accepted().is_some(),
        };
        let etag = headers.get(ETAG).map(|etag| etag.as_bytes());
        let checked = CheckedBody {
            body,
            reporter: self.reporter,
            blocking: self.blocking,
            frames: FrameChecker::new(head.expected_body_size(), body_size),
            digest: BodyDigest::new(status, is_head, etag, body_size),
            streams: body_size.is_none(),
            above,
            below,
        };
        let violations = head.violations();
        res.set_body(Body::new(checked));
        self.reporter.report(violations)
    }
}

/// Logs code that blocked its thread. How long it takes depends on the machine, too, so no request fails for it.
fn report_blocking(what: &str, took: Duration, limit: Duration) {
    if took > limit {
        tracing::warn!(
            "{what} blocked the thread for {took:?}; no other request ran on it during that time"
        );
    }
}

stackup_plugin::export!(middleware Lint as "lint");

#[cfg(test)]
mod tests;
