//! Requests of plugins to other servers (`cx.fetch`): the pools of connections belong to the host, so they survive
//! every generation.
//!
//! Each plugin has a pool of its own, by its name: what one does costs no other a connection.

mod call;
mod connect;
mod head;
mod pool;
mod response_body;
mod stream;
mod timer;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use stackup_plugin::abi::host::{FetchFailure, FetchPhase, FetchRequest, Fetching, HostResponse};
use tokio::runtime::Handle;

use self::pool::Pool;

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
}

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
        Self(Arc::new(Shared {
            pools: ArcSwap::default(),
            limit: AtomicUsize::new(usize::MAX),
            runtime,
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
    pub fn fetch(&self, fetch: FetchRequest) -> Fetching {
        let pool = self.pool(fetch.plugin);
        let limit = self.0.limit.load(Ordering::Relaxed);
        // A plugin may call it on its own thread, outside of the runtime, and poll it there.
        let runtime = self.0.runtime.clone();
        let Some(place) = pool.enter(limit) else {
            return Box::pin(std::future::ready(Err(at_limit(limit))));
        };
        let entered = runtime.enter();
        let sent = call::send(fetch, &pool, place, runtime.clone());
        drop(entered);
        Box::pin(InRuntime { runtime, sent })
    }

    fn pool(&self, plugin: &'static str) -> Arc<Pool> {
        if let Some(pool) = self.0.pools.load().get(plugin) {
            return Arc::clone(pool);
        }
        let new = Arc::new(Pool::new());
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

/// A future that is polled within the runtime, on whatever thread.
struct InRuntime<F> {
    runtime: Handle,
    sent: F,
}

impl<F> Future for InRuntime<F>
where
    F: Future<Output = Result<HostResponse, FetchFailure>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _entered = this.runtime.enter();
        Pin::new(&mut this.sent).poll(cx)
    }
}

#[cfg(test)]
mod tests;
