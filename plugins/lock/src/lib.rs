//! A middleware that runs one request at a time: `Rack::Lock`.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, Weak};

use stackup_plugin::{Context, Middleware, Next, Request, Result};
use tokio::sync::Mutex;

/// `[use.config]` of `lock`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// All directives with this name share one lock, across generations.
    name: Option<String>,
}

/// A fair lock: requests get it in the order of their arrival.
pub struct Lock {
    lock: Arc<Mutex<()>>,
}

impl Middleware for Lock {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let lock = config.name.map_or_else(Arc::default, named);
        Ok(Self { lock })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let held = Arc::clone(&self.lock).lock_owned().await;
        let mut res = next.run(req).await?;
        // The body may stream after the call. The lock is released when the body ends, however it ends.
        res.map_body(|body| body.on_end(move |_, _| drop(held)));
        Ok(res)
    }
}

/// The named locks of this library.
static NAMED: std::sync::Mutex<BTreeMap<String, Weak<Mutex<()>>>> =
    std::sync::Mutex::new(BTreeMap::new());

/// The lock with this name, which lives as long as it is used.
fn named(name: String) -> Arc<Mutex<()>> {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    named.retain(|_, lock| lock.strong_count() > 0);
    if let Some(lock) = named.get(&name).and_then(Weak::upgrade) {
        return lock;
    }
    let lock = Arc::default();
    named.insert(name, Arc::downgrade(&lock));
    lock
}

stackup_plugin::export!(middleware Lock as "lock");

#[cfg(test)]
mod tests;
