//! A middleware that logs each request as Rack's `CommonLogger` does, when its response has ended.

#![forbid(unsafe_code)]

mod config;
mod escape;
mod json;
mod outcome;
mod request;
mod text;

use std::time::Instant;

use jiff::Zoned;
use stackup_plugin::{Context, Middleware, Next, Request, Result, tracing};

pub use self::config::{Config, Format};
use self::escape::Escaped;
use self::outcome::End;
use self::request::Seen;

/// What `null-logger` leaves in the env for the layers below it.
const SILENCED: &str = "null";

/// Logs a line for each request.
pub struct Logger {
    format: Format,
}

impl Middleware for Logger {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        // Reads the time zone now rather than in the first request.
        let _ = Zoned::now();
        Ok(Self {
            format: config.format,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        if req.env().get("rack.logger").as_deref() != Some(SILENCED) {
            self.log(&mut req);
        }
        next.run(req).await
    }
}

impl Logger {
    /// Has a line logged when the response has ended, failed, or the client has left.
    fn log(&self, req: &mut Request) {
        let (start, format, seen) = (Instant::now(), self.format, Seen::new(req));
        req.on_finished(move |finished| {
            let end = End::new(finished, Zoned::now(), start.elapsed());
            let line = match format {
                Format::Common => text::common(&seen, &end),
                Format::Combined => text::combined(&seen, &end),
                // It holds the error already.
                Format::Json => return tracing::info!("{}", json::object(&seen, &end)),
            };
            match finished.error() {
                // An error may quote what the client sent.
                Some(error) => tracing::info!(
                    error = %Escaped(error.message()),
                    handler = error.handler(),
                    "{line}"
                ),
                None => tracing::info!("{line}"),
            }
        });
    }
}

stackup_plugin::export!(middleware Logger as "logger");

#[cfg(test)]
mod tests;
