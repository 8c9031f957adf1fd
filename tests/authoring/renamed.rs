//! A plugin whose Cargo.toml gives stackup-plugin another name.

#![deny(warnings)]

use api::{App, Context, IntoResponse, Request, Result};

#[api::config]
pub struct Config {
    greeting: String,
    #[serde(default)]
    more: Option<More>,
}

/// With the name written out.
#[api::config(crate = "api")]
pub struct More {
    name: String,
}

pub struct Greets(Config);

impl App for Greets {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self(config))
    }

    async fn call(&self, _req: Request) -> Result {
        let name = self.0.more.as_ref().map_or("", |more| &more.name);
        format!("{} {name}", self.0.greeting).into_response()
    }
}

api::export!(app Greets);
