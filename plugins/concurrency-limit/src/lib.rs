//! A middleware that limits how many requests run at once in the layers below; the others wait in a queue.

#![forbid(unsafe_code)]

mod adaptive;
mod config;
mod gate;

use std::time::Instant;

use stackup_plugin::path::PathList;
use stackup_plugin::{
    Context, Counter, HeaderValue, Middleware, Next, Request, Response, Result, StatusCode, header,
};

pub use self::config::Config;
use self::gate::Gate;

/// Limits how many requests run at once.
pub struct ConcurrencyLimit {
    gate: Gate,
    exclude: PathList,
    retry_after: HeaderValue,
    cx: Context,
    queued: Counter,
    refused: Counter,
}

impl Middleware for ConcurrencyLimit {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Ok(Self {
            gate: config.gate()?,
            retry_after: HeaderValue::from(config.retry_after),
            exclude: config.exclude,
            cx: cx.clone(),
            queued: cx.counter("queued", "Requests that had to wait").build()?,
            refused: cx.counter("refused", "Requests refused with 503").build()?,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        if self.exclude.covers(req.path()) {
            return next.run(req).await;
        }
        let Some(place) = self.gate.enter(&self.cx, &self.queued).await else {
            self.refused.increment();
            return self.refuse();
        };
        let begun = Instant::now();
        let mut res = next.run(req).await?;
        place.responded(begun, Instant::now());
        // The body may stream after the call. The place is free when the body ends, however it ends.
        res.map_body(|body| body.on_end(move |_, _| drop(place)));
        Ok(res)
    }
}

impl ConcurrencyLimit {
    fn refuse(&self) -> Result {
        let mut res = Response::new(StatusCode::SERVICE_UNAVAILABLE);
        let mut headers = res.headers_mut();
        headers.insert(header::CONTENT_TYPE, "text/plain; charset=utf-8")?;
        headers.insert(header::RETRY_AFTER, &self.retry_after)?;
        res.set_body("Service Unavailable\n");
        Ok(res)
    }
}

stackup_plugin::export!(middleware ConcurrencyLimit as "concurrency-limit");

#[cfg(test)]
mod tests;
