//! An app that passes requests on to other servers: a reverse proxy.

#![forbid(unsafe_code)]

mod attempts;
mod balance;
mod check;
mod config;
mod health;
mod upstream;

use std::sync::Arc;

use gateway::Heads;
use stackup_plugin::{App, Context, Request, Result};

use self::attempts::Attempts;
use self::check::Check;
pub use self::config::Config;
use self::upstream::Upstreams;

/// Passes requests on to other servers.
pub struct Proxy {
    upstreams: Arc<Upstreams>,
    heads: Heads,
    attempts: Attempts,
    check: Option<Check>,
}

impl App for Proxy {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        config.proxy(cx)
    }

    async fn call(&self, req: Request) -> Result {
        self.attempts.send(req, &self.upstreams, &self.heads).await
    }

    fn serving(&self, cx: &Context) -> Result<()> {
        if let Some(check) = &self.check {
            check.spawn(cx, &self.upstreams);
        }
        Ok(())
    }
}

stackup_plugin::export!(app Proxy as "proxy");

#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod tests;
