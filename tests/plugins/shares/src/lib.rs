//! A middleware and an app that share a value, which logs its life.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use stackup_plugin::{App, Context, IntoResponse, Middleware, Next, Request, Result, tracing};
use tokio::runtime::Handle;

/// Its config.
#[stackup_plugin::config]
struct Config {
    /// The name of the value.
    value: String,
    /// Anything: another mark makes another instance.
    #[serde(default)]
    mark: u64,
}

/// The shared value.
struct Value {
    name: String,
    uses: AtomicU64,
}

impl Value {
    fn shared(config: Config, cx: &Context) -> Result<Arc<Self>> {
        tracing::info!("shares: {} is {}", cx.handler(), config.mark);
        let Config { value: name, .. } = config;
        cx.shared(&name.clone(), || {
            tracing::info!("shares: opened {name}");
            let uses = AtomicU64::new(0);
            Ok(Self { name, uses })
        })
    }

    fn count(&self) -> u64 {
        self.uses.fetch_add(1, Relaxed) + 1
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let task = Handle::current().block_on(tokio::spawn(async {}));
        tracing::info!("shares: dropped {}, runs: {}", self.name, task.is_ok());
    }
}

struct Counts(Arc<Value>);

impl Middleware for Counts {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Value::shared(config, cx).map(Self)
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        self.0.count();
        next.run(req).await
    }
}

struct Shows(Arc<Value>);

impl App for Shows {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Value::shared(config, cx).map(Self)
    }

    async fn call(&self, _req: Request) -> Result {
        format!("{} {}\n", self.0.name, self.0.count()).into_response()
    }
}

stackup_plugin::export!(tokio; middleware Counts as "counts", app Shows as "shows");
