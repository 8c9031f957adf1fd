//! An app that is a program of another language, which answers requests by HTTP. stackup runs it.

#![forbid(unsafe_code)]

mod attempts;
mod config;

use stackup_plugin::{App, Context, Request, Result};

use self::attempts::Attempts;
pub use self::config::Config;

/// Passes requests on to a program that stackup runs.
pub struct GuestApp(Attempts);

impl App for GuestApp {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        config.start(cx).map(Self)
    }

    async fn call(&self, req: Request) -> Result {
        self.0.send(req).await
    }
}

stackup_plugin::export!(app GuestApp as "guest");

#[cfg(test)]
mod tests;
