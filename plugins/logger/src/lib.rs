//! A middleware that logs each request as Rack's `CommonLogger` does, when its response has ended.

#![forbid(unsafe_code)]

mod line;

use std::time::Instant;

use jiff::Zoned;
use stackup_plugin::{Context, Middleware, Next, Request, Result, tracing};

use self::line::Line;

/// Logs a line for each request.
pub struct Logger;

impl Middleware for Logger {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        // Reads the time zone now rather than in the first request.
        let _ = Zoned::now();
        Ok(Self)
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let start = Instant::now();
        let line = Line::new(&req);
        req.on_finished(move |end| {
            let line = line.finish(end, &Zoned::now(), start.elapsed());
            match end.error() {
                Some(error) => tracing::info!(%error, handler = error.handler(), "{line}"),
                None => tracing::info!("{line}"),
            }
        });
        next.run(req).await
    }
}

stackup_plugin::export!(middleware Logger as "logger");

#[cfg(test)]
mod tests;
