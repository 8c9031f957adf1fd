//! A middleware that shows errors and panics while you develop: Rack's `Rack::ShowExceptions`.

#![forbid(unsafe_code)]

mod accept;
mod page;

use stackup_plugin::header::CACHE_CONTROL;
use stackup_plugin::{
    Context, Error, Html, IntoResponse, Middleware, Next, Request, Result, tracing,
};

use self::page::Seen;

/// `[use.config]` of `show-exceptions`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// Where errors are shown. Elsewhere they go up as if this were not here.
    environments: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environments: vec!["development".to_owned()],
        }
    }
}

/// Answers errors with a page about them.
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
        let (html, seen) = (accept::html(req.headers()), Seen::new(&req));
        match next.run(req).await {
            Ok(res) => Ok(res),
            Err(error) => show(&error, &seen, html),
        }
    }
}

fn show(error: &Error, seen: &Seen, html: bool) -> Result {
    log(error, seen);
    let mut res = match html {
        true => Html(page::html(error, seen)).into_response()?,
        false => page::text(error, seen).into_response()?,
    };
    res.set_status(error.status());
    res.headers_mut().insert(CACHE_CONTROL, "no-store")?;
    Ok(res)
}

/// As the server does with errors that reach it: this one will not.
fn log(error: &Error, seen: &Seen) {
    let (message, request) = (one_line(&page::describe(error)), one_line(&seen.request()));
    if error.status().is_server_error() {
        tracing::error!(request, "{message}");
    } else {
        tracing::debug!(request, "{message}");
    }
}

/// It may quote what the client sent, which must not look like another line.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

stackup_plugin::export!(middleware ShowExceptions as "show-exceptions");

#[cfg(test)]
mod tests;
