//! The connections and the requests of one plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use stackup_plugin::abi::host::HostBody;

use super::FetchStatus;
use super::connect::Connector;

/// How long a connection that no request uses stays open. Servers of the field close theirs after five seconds or more.
const IDLE: Duration = Duration::from_secs(30);

/// The pool of one plugin.
pub(super) struct Pool {
    pub(super) client: Client<Connector, HostBody>,
    in_flight: Arc<Counter>,
    connections: Arc<Counter>,
}

/// A number of things that are alive.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicUsize);

/// One of them.
#[derive(Debug)]
pub(super) struct Counted(Arc<Counter>);

impl Counter {
    /// Counts one more, unless there are `limit` of them.
    fn enter(self: &Arc<Self>, limit: usize) -> Option<Counted> {
        let one = Counted(Arc::clone(self));
        // Two that come at once may both be refused, right at the limit.
        (self.0.fetch_add(1, Ordering::Relaxed) < limit).then_some(one)
    }

    /// Counts one more.
    pub(super) fn add(self: &Arc<Self>) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(self))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(super) fn new() -> Self {
        let connections = Arc::default();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            // The host sets it, from the target as the plugin gave it.
            .set_host(false)
            .build(Connector::new(Arc::clone(&connections)));
        Self {
            client,
            in_flight: Arc::default(),
            connections,
        }
    }

    /// A place among the requests in flight, unless there are `limit` of them.
    pub(super) fn enter(&self, limit: usize) -> Option<Counted> {
        self.in_flight.enter(limit)
    }

    pub(super) fn status(&self, plugin: &str) -> FetchStatus {
        FetchStatus {
            plugin: plugin.to_owned(),
            in_flight: self.in_flight.get(),
            connections: self.connections.get(),
        }
    }
}
