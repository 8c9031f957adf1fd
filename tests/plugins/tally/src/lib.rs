//! An app that counts its requests in the store, whatever instance answers.

#![forbid(unsafe_code)]

use stackup_plugin::{App, Context, IntoResponse, Request, Result, Store};

/// Its config.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    /// Part of each answer, to tell instances apart.
    mark: String,
    /// The namespace; the plugin's own if it is empty.
    namespace: String,
}

struct Tally {
    mark: String,
    store: Store,
}

impl App for Tally {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let store = match &*config.namespace {
            "" => cx.store(),
            name => cx.store_named(name),
        };
        Ok(Self {
            mark: config.mark,
            store,
        })
    }

    async fn call(&self, req: Request) -> Result {
        let count = self.store.add(req.path(), 1, None).await?;
        format!("{} {count}", self.mark).into_response()
    }
}

stackup_plugin::export!(app Tally);
