//! A middleware that logs each request when its response has ended: `Rack::CommonLogger`.

#![forbid(unsafe_code)]

mod config;
mod json;
mod outcome;
mod request;
mod text;

use std::time::Instant;

use jiff::Zoned;
use log_text::Quoted;
use stackup_plugin::{Context, Middleware, Next, Request, Result, tracing};

pub use self::config::{Config, Format};
use self::outcome::Outcome;
use self::request::LoggedRequest;

/// The value that `null-logger` sets in the env.
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
    /// Logs a line when the response has ended or failed, or the client has disconnected.
    fn log(&self, req: &mut Request) {
        let (start, format, request) = (Instant::now(), self.format, LoggedRequest::new(req));
        req.on_finished(move |finished| {
            let end = Outcome::new(finished, Zoned::now(), start.elapsed());
            let line = match format {
                Format::Common => text::common(&request, &end),
                Format::Combined => text::combined(&request, &end),
                // The object contains the error.
                Format::Json => return tracing::info!("{}", json::object(&request, &end)),
            };
            match finished.error() {
                // An error may quote the client's input.
                Some(error) => tracing::info!(
                    error = %Quoted(error.message()),
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
