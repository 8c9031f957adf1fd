//! A middleware that checks its neighbours against SPEC.md: Rack's `Rack::Lint`.

#![forbid(unsafe_code)]

mod body;
mod pair;
mod report;
mod request;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::{Answered, Flow, Print};
use stackup_plugin::header::ETAG;
use stackup_plugin::{Body, Context, Method, Middleware, Next, Request, Response, Result, tracing};

use self::body::Checked;
use self::pair::Pair;
use self::report::Court;

/// `[use.config]` of `lint`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// Whether an offence fails the request, rather than being logged alone.
    strict: bool,
    /// How long the layers below may keep the thread at a time before it is logged.
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

/// Checks what passes in both directions.
pub struct Lint {
    court: Court,
    blocking: Duration,
}

impl Middleware for Lint {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self {
            court: Court::new(config.strict),
            blocking: Duration::from_millis(config.blocking_ms),
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        self.court.hear(request::check(&mut req))?;
        let is_head = req.method() == Method::HEAD;
        let above = Pair::with_lint_above(&req);
        let below = Pair::for_lint_below(&mut req);
        let mut res = self.watched(req, next).await?;
        self.check(&mut res, is_head, above, below)?;
        Ok(res)
    }
}

impl Lint {
    /// The response of the layers below, who must not keep the thread.
    async fn watched(&self, req: Request, next: Next<'_>) -> Result {
        let mut running = pin!(next.run(req));
        std::future::poll_fn(|cx| {
            let start = Instant::now();
            let polled = running.as_mut().poll(cx);
            report_blocking("K1: the layers below", start.elapsed(), self.blocking);
            polled
        })
        .await
    }

    /// Looks at the head, and at the body as it passes.
    fn check(
        &self,
        res: &mut Response,
        is_head: bool,
        above: Option<Arc<Pair>>,
        below: Arc<Pair>,
    ) -> Result<()> {
        let body = res.take_body();
        let has = body.size_hint().exact();
        let headers = res.headers();
        let fields = headers.iter().map(|(name, value)| (name, value.as_bytes()));
        let fields: Vec<_> = fields.collect();
        let status = res.status().as_u16();
        let answered = Answered {
            status,
            headers: &fields,
            is_head,
            has,
        };
        let etag = headers.get(ETAG).map(|etag| etag.as_bytes());
        let checked = Checked {
            body,
            court: self.court,
            blocking: self.blocking,
            flow: Flow::new(answered.promised(), has),
            print: Print::new(status, is_head, etag, has),
            streams: has.is_none(),
            above,
            below,
        };
        let offences = answered.offences();
        res.set_body(Body::new(checked));
        self.court.hear(offences)
    }
}

/// Tells who keeps a thread that others need. It is a matter of the machine, too, so nothing fails.
fn report_blocking(who: &str, took: Duration, limit: Duration) {
    if took > limit {
        tracing::warn!(
            "{who} kept the thread for {took:?}, and no other request ran on it meanwhile"
        );
    }
}

stackup_plugin::export!(middleware Lint as "lint");

#[cfg(test)]
mod tests;
