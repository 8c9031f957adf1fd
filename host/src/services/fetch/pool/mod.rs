//! The connections and the requests of one plugin.

mod endpoint;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout;

pub(super) use self::endpoint::{Checkout, Endpoint, Lease};
use super::FetchStatus;
use super::connect::Connector;
use super::counter::{Counted, Counter};
use super::resolver::Resolver;
use super::server::Server;

/// How long connections are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeepTimes {
    /// One that no request uses. Servers of the field close theirs after five seconds or more.
    pub(super) idle: Duration,
    /// One to a name, for new requests: the name may lead elsewhere by then.
    pub(super) named: Duration,
}

impl Default for KeepTimes {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30),
            named: Duration::from_secs(60),
        }
    }
}

/// The pool of one plugin.
pub(super) struct Pool {
    endpoints: Mutex<Endpoints>,
    connector: Connector,
    times: KeepTimes,
    runtime: Handle,
    in_flight: Arc<Counter>,
    connections: Arc<Counter>,
    ended: Arc<Ended>,
}

/// Tells the sweep that an idle connection may have ended.
#[derive(Default)]
struct Ended(Notify);

impl Wake for Ended {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify_one();
    }
}

#[derive(Default)]
struct Endpoints {
    by_server: HashMap<Server, Arc<Endpoint>>,
    is_swept: bool,
}

impl Pool {
    pub(super) fn new(runtime: Handle, resolver: Resolver, times: KeepTimes) -> Arc<Self> {
        let connections = Arc::default();
        Arc::new(Self {
            endpoints: Mutex::default(),
            connector: Connector::new(resolver, Arc::clone(&connections)),
            times,
            runtime,
            in_flight: Arc::default(),
            connections,
            ended: Arc::default(),
        })
    }

    /// A place among the requests in flight, unless there are `limit` of them.
    pub(super) fn enter(&self, limit: usize) -> Option<Counted> {
        self.in_flight.enter(limit)
    }

    /// The connections to a server.
    pub(super) fn endpoint(self: &Arc<Self>, server: Server) -> Arc<Endpoint> {
        let mut endpoints = self.endpoints();
        if let Some(endpoint) = endpoints.by_server.get(&server) {
            return Arc::clone(endpoint);
        }
        let named = server.is_named().then_some(self.times.named);
        let (connector, runtime) = (self.connector.clone(), self.runtime.clone());
        let ended = Waker::from(Arc::clone(&self.ended));
        let endpoint = Endpoint::new(server.clone(), connector, runtime, named, ended);
        endpoints.by_server.insert(server, Arc::clone(&endpoint));
        if !std::mem::replace(&mut endpoints.is_swept, true) {
            let ended = Arc::clone(&self.ended);
            let sweep = sweep(Arc::downgrade(self), self.times, ended);
            self.runtime.spawn(sweep);
        }
        endpoint
    }

    /// Closes what was idle for too long, and forgets servers without connections. Returns false once there are none.
    fn sweep(&self) -> bool {
        let mut endpoints = self.endpoints();
        let (now, idle) = (Instant::now(), self.times.idle);
        endpoints.by_server.retain(|_, endpoint| {
            let is_empty = endpoint.close_idle(now, idle);
            // A request that has found it is about to connect.
            !is_empty || Arc::strong_count(endpoint) > 1
        });
        endpoints.is_swept = !endpoints.by_server.is_empty();
        endpoints.is_swept
    }

    pub(super) fn status(&self, plugin: &str) -> FetchStatus {
        FetchStatus {
            plugin: plugin.to_owned(),
            in_flight: self.in_flight.get(),
            connections: self.connections.get(),
        }
    }

    fn endpoints(&self) -> MutexGuard<'_, Endpoints> {
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps a pool as long as it has servers.
async fn sweep(pool: Weak<Pool>, times: KeepTimes, ended: Arc<Ended>) {
    loop {
        let _ = timeout(times.idle / 6, ended.0.notified()).await;
        match pool.upgrade() {
            Some(pool) if pool.sweep() => {}
            _ => break,
        }
    }
}
