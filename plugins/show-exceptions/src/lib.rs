//! A middleware that shows errors and panics during development: `Rack::ShowExceptions`.

#![forbid(unsafe_code)]

mod accept;
mod page;

use log_text::one_line;
use stackup_plugin::header::CACHE_CONTROL;
use stackup_plugin::{
    Context, Error, Html, IntoResponse, Middleware, Next, Request, Result, tracing,
};

use self::page::RequestSnapshot;

/// `[use.config]` of `show-exceptions`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The environments in which errors are shown. Elsewhere they pass through.
    environments: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environments: vec!["development".to_owned()],
        }
    }
}

/// Responds to errors with a page about them.
pub struct ShowExceptions {
    shows: bool,
}

impl Middleware for ShowExceptions {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let shows = config
            .environments
            .iter()
            .any(|name| name == cx.environment());
        Ok(Self { shows })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        if !self.shows {
            return next.run(req).await;
        }
        let (html, request) = (accept::html(req.headers()), RequestSnapshot::new(&req));
        match next.run(req).await {
            Ok(res) => Ok(res),
            Err(error) => show(&error, &request, html),
        }
    }
}

fn show(error: &Error, request: &RequestSnapshot, html: bool) -> Result {
    log(error, request);
    let mut res = match html {
        true => Html(page::html(error, request)).into_response()?,
        false => page::text(error, request).into_response()?,
    };
    res.set_status(error.status());
    for (name, value) in error.headers() {
        res.headers_mut().append(name, value)?;
    }
    res.headers_mut().insert(CACHE_CONTROL, "no-store")?;
    Ok(res)
}

/// Logs as the server does, which does not see this error.
fn log(error: &Error, request: &RequestSnapshot) {
    let (message, request) = (page::describe(error), request.request());
    let (message, request) = (one_line(&message), one_line(&request));
    if error.status().is_server_error() {
        tracing::error!(%request, "{message}");
    } else {
        tracing::debug!(%request, "{message}");
    }
}

stackup_plugin::export!(middleware ShowExceptions as "show-exceptions");

#[cfg(test)]
mod tests;
