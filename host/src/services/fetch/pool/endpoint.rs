//! The connections to one server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use http::StatusCode;
use stackup_plugin::abi::host::{FetchFailure, FetchPhase};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::causes;
use super::super::connect::{ConnectError, Connector};
use super::super::connection::Connection;
use super::super::server::Server;
use super::super::tls::TlsClient;

/// The connections to one server, and the requests that wait for one.
pub(in super::super) struct Endpoint {
    pub(in super::super) server: Server,
    connector: Connector,
    tls: TlsClient,
    runtime: Handle,
    /// How old a connection may be for a new request, if the server has a name.
    oldest: Option<Duration>,
    /// Woken when an idle connection ends.
    idle_waker: Waker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those that no request uses, the last used one at the end.
    idle: Vec<Idle>,
    /// The one that takes many requests at once.
    shared: Option<Idle>,
    waiting: VecDeque<Waiting>,
    /// How many attempts to connect there are.
    connecting: usize,
    /// Whether the server took many requests at once the last time: then one connection is enough.
    is_http2: bool,
    next: u64,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// A request that waits for a connection: its own, or one that another request does not need any more.
struct Waiting {
    number: u64,
    sender: oneshot::Sender<Connected>,
}

type Connected = Result<Connection, FetchFailure>;

/// A connection for a request, or how to get one.
pub(in super::super) enum Checkout {
    Ready(Connection),
    Connecting(oneshot::Receiver<Connected>),
}

impl Endpoint {
    pub(super) fn new(
        server: Server,
        connector: Connector,
        runtime: Handle,
        oldest: Option<Duration>,
        idle_waker: Waker,
    ) -> Arc<Self> {
        Arc::new(Self {
            server,
            connector,
            tls: TlsClient::default(),
            runtime,
            oldest,
            idle_waker,
            state: Mutex::default(),
        })
    }

    /// A connection that is open, or else the first that is made or given back.
    pub(in super::super) fn checkout(self: &Arc<Self>) -> Checkout {
        let mut state = self.state();
        if let Some(connection) = self.open(&mut state) {
            return Checkout::Ready(connection);
        }
        let (sender, receiver) = oneshot::channel();
        let number = state.next;
        state.next += 1;
        state.waiting.push_back(Waiting { number, sender });
        if !state.is_http2 || state.connecting == 0 {
            self.connect(&mut state, number);
        }
        Checkout::Connecting(receiver)
    }

    fn open(&self, state: &mut State) -> Option<Connection> {
        let is_usable = |connection: &mut Connection| {
            let is_new = self
                .oldest
                .is_none_or(|age| connection.since.elapsed() < age);
            is_new && !connection.sender.has_ended(Waker::noop())
        };
        if let Some(shared) = &mut state.shared {
            if is_usable(&mut shared.connection) {
                shared.since = Instant::now();
                return shared.connection.share(&self.runtime);
            }
            state.shared = None;
        }
        while let Some(Idle { mut connection, .. }) = state.idle.pop() {
            if is_usable(&mut connection) {
                return Some(connection);
            }
        }
        None
    }

    /// The connection that takes many requests takes no more.
    pub(in super::super) fn forget_shared(&self) {
        self.state().shared = None;
    }

    /// Makes a connection. It goes to whoever waits first, a failure to the request that has caused it.
    fn connect(self: &Arc<Self>, state: &mut State, number: u64) {
        state.connecting += 1;
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            let connected = this.connected().await;
            let mut state = this.state();
            state.connecting -= 1;
            match connected {
                Ok(connection) => this.add(&mut state, connection),
                Err(error) => this.fail(&mut state, number, &error),
            }
        });
    }

    async fn connected(&self) -> Result<Connection, ConnectError> {
        let connector = self.connector.clone();
        let stream = connector.connect(&self.server, &self.tls).await?;
        Connection::begin(stream, &self.runtime).await
    }

    fn add(self: &Arc<Self>, state: &mut State, connection: Connection) {
        state.is_http2 = connection.sender.is_shared();
        if !state.is_http2 {
            self.hand_on(state, connection);
            state.waiting.retain(|one| !one.sender.is_closed());
            // They have waited for a connection that all can use.
            let missing = state.waiting.len().saturating_sub(state.connecting);
            let numbers: Vec<_> = state.waiting.iter().map(|one| one.number).collect();
            for number in numbers.into_iter().rev().take(missing) {
                self.connect(state, number);
            }
            return;
        }
        for waiting in std::mem::take(&mut state.waiting) {
            if let Some(connection) = connection.share(&self.runtime) {
                let _ = waiting.sender.send(Ok(connection));
            }
        }
        state.shared = Some(Idle::now(connection));
    }

    fn fail(&self, state: &mut State, number: u64, error: &ConnectError) {
        let failure = FetchFailure {
            phase: FetchPhase::Connect,
            status: StatusCode::BAD_GATEWAY,
            message: format!("{}: no connection: {}", self.server, causes(&**error)),
        };
        let is_last = state.connecting == 0;
        for waiting in std::mem::take(&mut state.waiting) {
            if waiting.number == number || is_last {
                let _ = waiting.sender.send(Err(failure.clone()));
            } else {
                state.waiting.push_back(waiting);
            }
        }
    }

    /// Gives a connection to whoever waits first, or keeps it.
    fn hand_on(&self, state: &mut State, mut connection: Connection) {
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.sender.send(Ok(connection)) {
                Ok(()) => return,
                Err(Ok(refused)) => connection = refused,
                Err(Err(_)) => return,
            }
        }
        if !connection.sender.has_ended(&self.idle_waker) {
            state.idle.push(Idle::now(connection));
        }
    }

    /// Takes back a connection that is for one request at a time, once its request has ended.
    fn give_back(self: &Arc<Self>, mut connection: Connection) {
        if connection.sender.is_shared() {
            return;
        }
        connection.timer.stop();
        // The end of the response may be all that hyper has waited for.
        if connection.sender.has_ended(Waker::noop()) {
            return;
        }
        if connection.sender.is_ready() {
            return self.hand_on(&mut self.state(), connection);
        }
        // The response has ended, but hyper is not done yet, or the request's body is still being sent.
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            if connection.sender.ready().await {
                this.hand_on(&mut this.state(), connection);
            }
        });
    }

    /// Closes what was idle for this long at `now`. Returns whether nothing is left.
    pub(super) fn close_idle(&self, now: Instant, idle: Duration) -> bool {
        let mut state = self.state();
        let stays = |one: &mut Idle| {
            let is_new = now.saturating_duration_since(one.since) < idle;
            is_new && !one.connection.sender.has_ended(&self.idle_waker)
        };
        state.idle.retain_mut(stays);
        state.shared.take_if(|shared| !stays(shared));
        state.idle.is_empty() && state.shared.is_none() && state.connecting == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn now(connection: Connection) -> Self {
        Self {
            connection,
            since: Instant::now(),
        }
    }
}

/// A connection that one request uses. Dropped, it ends with the request; given back, it is kept for the next one.
pub(in super::super) struct Lease {
    pub(in super::super) connection: Connection,
    endpoint: Arc<Endpoint>,
}

impl Lease {
    pub(in super::super) fn new(connection: Connection, endpoint: Arc<Endpoint>) -> Self {
        Self {
            connection,
            endpoint,
        }
    }

    /// The server, for messages.
    pub(in super::super) fn server(&self) -> &Server {
        &self.endpoint.server
    }

    /// The response has ended.
    pub(in super::super) fn give_back(self) {
        self.endpoint.give_back(self.connection);
    }
}
