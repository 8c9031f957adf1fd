//! Requests of plugins to other servers (`cx.fetch`): the pools of connections belong to the host, so they survive
//! every generation.
//!
//! Each plugin has a pool of its own, by its name: what one does costs no other a connection.

mod call;
mod connect;
mod connection;
mod counter;
mod head;
mod http1;
mod pool;
mod resolver;
mod response_body;
mod server;
mod stream;
mod timer;
mod tls;
mod tunnel;

use std::any::Any;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use serde::{Deserialize, Serialize};
use stackup_plugin::abi::host::{FetchFailure, FetchPhase, FetchRequest, Fetching};
use tokio::runtime::Handle;

use self::call::Call;
use self::counter::Counted;
use self::pool::{KeepTimes, Pool};
use self::resolver::Resolver;

/// The times of a request that sets none.
const CONNECT: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(60);
const BODY: Duration = Duration::from_secs(60);

/// Sends the requests of all plugins.
#[derive(Clone)]
pub struct FetchHub(Arc<Shared>);

struct Shared {
    pools: ArcSwap<HashMap<&'static str, Arc<Pool>>>,
    /// The most requests in flight of one plugin.
    limit: AtomicUsize,
    runtime: Handle,
    resolver: Resolver,
    times: KeepTimes,
}

/// What a request holds until its response has ended.
type Place = (Counted, Option<Arc<dyn Any + Send + Sync>>);

/// What `stackup status` shows of a plugin's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchStatus {
    /// The plugin.
    pub plugin: String,
    /// Its requests without an end of their response.
    pub in_flight: usize,
    /// Its open connections, idle ones among them.
    pub connections: usize,
}

impl FetchHub {
    /// Connections will live on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        let resolver = Resolver::System(GaiResolver::new());
        Self::with(runtime, resolver, KeepTimes::default())
    }

    fn with(runtime: Handle, resolver: Resolver, times: KeepTimes) -> Self {
        Self(Arc::new(Shared {
            pools: ArcSwap::default(),
            limit: AtomicUsize::new(usize::MAX),
            runtime,
            resolver,
            times,
        }))
    }

    /// Sets the most requests that each plugin may have in flight. Those that are stay.
    pub fn set_limit(&self, limit: Option<usize>) {
        let limit = limit.unwrap_or(usize::MAX);
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// The plugins that have sent any, by name.
    pub fn status(&self) -> Vec<FetchStatus> {
        let pools = self.0.pools.load();
        let mut all: Vec<_> = pools.iter().map(|(name, pool)| pool.status(name)).collect();
        all.sort_by(|a, b| a.plugin.cmp(&b.plugin));
        all
    }

    /// Sends a request.
    pub fn fetch(&self, mut fetch: FetchRequest) -> Fetching {
        let pool = self.pool(fetch.plugin);
        let limit = self.0.limit.load(Ordering::Relaxed);
        let Some(place) = pool.enter(limit) else {
            return Box::pin(std::future::ready(Err(at_limit(limit))));
        };
        let place = (place, fetch.hold.take());
        match Call::new(fetch, &pool, place, self.0.runtime.clone()) {
            Ok(call) => Box::pin(call.send()),
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
        }
    }

    fn pool(&self, plugin: &'static str) -> Arc<Pool> {
        if let Some(pool) = self.0.pools.load().get(plugin) {
            return Arc::clone(pool);
        }
        let runtime = self.0.runtime.clone();
        let new = Pool::new(runtime, self.0.resolver.clone(), self.0.times);
        // Of two that come at once, one adds its pool.
        let before = self.0.pools.rcu(|pools| {
            let mut pools = HashMap::clone(pools);
            pools.entry(plugin).or_insert_with(|| Arc::clone(&new));
            pools
        });
        before.get(plugin).map_or(new, Arc::clone)
    }
}

fn at_limit(limit: usize) -> FetchFailure {
    FetchFailure {
        phase: FetchPhase::Limit,
        status: StatusCode::SERVICE_UNAVAILABLE,
        message: format!(
            "the plugin has {limit} requests to other servers in flight, which is the limit (`[limits] fetches`)"
        ),
    }
}

/// An error with its causes.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Many errors already include the text of their cause.
        if !texts.iter().any(|before| before.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests;
