//! The one connection to Redis, which all calls share: each sends at once, and the replies come in order.
//!
//! A task keeps it: it connects, asks every second whether Redis answers, and connects again when it does not. While
//! Redis is known to be away, calls fail at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisError, RedisResult,
};
use stackup_plugin::abi::host::{StoreFailure, StoreFailureKind, StoreReply};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::operation::Operation;
use crate::services::store::availability::{Availability, Trouble};
use crate::services::store::limits::failure;
use crate::services::store::settings::RedisSettings;

/// How often Redis is asked whether it answers. That also keeps a connection open that Redis would close as idle.
const INTERVAL: Duration = Duration::from_secs(1);

/// The pause after the first attempt that fails; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where the server of a URL is, for people: host and port, or the socket's path.
///
/// # Errors
///
/// What is wrong with the URL, without the URL itself.
pub(in crate::services::store) fn address(url: &str) -> Result<String, String> {
    // The error may quote a part of a password.
    let info = url
        .into_connection_info()
        .map_err(|_| "it is no URL of a Redis server".to_owned())?;
    match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            Err("`#insecure` would accept any server's certificate".to_owned())
        }
        address => Ok(address.to_string()),
    }
}

/// The connection and what is known of it.
pub(super) struct Connection {
    state: watch::Sender<State>,
    /// A call had no reply in time, or lost the connection: the task looks at once.
    doubt: Notify,
    timeout: Duration,
    pub(super) availability: Availability,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Clone)]
enum State {
    /// The first attempt since the start or since a loss is under way: calls wait for it.
    Connecting,
    Connected(MultiplexedConnection),
    /// The last attempt has failed.
    Away(Arc<str>),
}

impl Connection {
    pub(super) fn open(settings: &RedisSettings, runtime: &Handle) -> Arc<Self> {
        let connection = Arc::new(Self {
            state: watch::Sender::new(State::Connecting),
            doubt: Notify::new(),
            timeout: settings.timeout,
            availability: Availability::new(format!("Redis at {}", settings.url)),
            task: Mutex::default(),
        });
        let url = settings.url.reveal().to_owned();
        let task = runtime.spawn(Arc::clone(&connection).keep(url));
        *connection.task() = Some(task.abort_handle());
        connection
    }

    /// Ends the task. Calls that have begun end with what they have.
    pub(super) fn close(&self) {
        if let Some(task) = self.task().take() {
            task.abort();
        }
    }

    /// Runs an operation; fails after the timeout at the latest.
    pub(super) async fn run(&self, operation: &Operation) -> Result<StoreReply, StoreFailure> {
        let deadline = Instant::now() + self.timeout;
        let mut result = self.attempt(operation, deadline).await;
        if let Err(Failed::Lost(_)) = &result
            && !operation.writes()
        {
            result = self.attempt(operation, deadline).await;
        }
        match result {
            Ok(reply) => {
                if operation.writes() {
                    self.availability.worked(Trouble::NoWrites);
                }
                reply
            }
            Err(Failed::Lost(why) | Failed::NotSent(why)) => Err(self.unavailable(&why)),
            Err(Failed::Refused(why)) => {
                if operation.writes() {
                    self.availability.failed(Trouble::NoWrites, &why);
                }
                Err(self.unavailable(&why))
            }
        }
    }

    /// The connection, for something longer than one call.
    pub(super) async fn link(&self) -> Result<MultiplexedConnection, StoreFailure> {
        let connected = self.connected(Instant::now() + self.timeout).await;
        connected.map_err(|why| self.unavailable(&why))
    }

    /// Waits for one step of it; fails after the timeout at the latest.
    pub(super) async fn step<T>(
        &self,
        step: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StoreFailure> {
        match timeout(self.timeout, step).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.unavailable(&text(&error))),
            Err(_) => Err(self.unavailable(&self.no_reply())),
        }
    }

    async fn attempt(
        &self,
        operation: &Operation,
        deadline: Instant,
    ) -> Result<Result<StoreReply, StoreFailure>, Failed> {
        let mut connection = self.connected(deadline).await.map_err(Failed::NotSent)?;
        match timeout_at(deadline, operation.send(&mut connection)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) if error.is_unrecoverable_error() => {
                self.lost().await;
                Err(Failed::Lost(text(&error)))
            }
            Ok(Err(error)) => Err(Failed::Refused(text(&error))),
            Err(_) => {
                self.doubt.notify_one();
                Err(Failed::NotSent(self.no_reply()))
            }
        }
    }

    /// The connection; waits for one that is being made.
    async fn connected(&self, deadline: Instant) -> Result<MultiplexedConnection, String> {
        let mut state = self.state.subscribe();
        let known = timeout_at(deadline, async {
            loop {
                match &*state.borrow_and_update() {
                    State::Connected(connection) => return Ok(connection.clone()),
                    State::Away(why) => return Err(why.to_string()),
                    State::Connecting => {}
                }
                if state.changed().await.is_err() {
                    return Err("the server is shutting down".to_owned());
                }
            }
        });
        known.await.unwrap_or_else(|_| Err(self.no_reply()))
    }

    /// Says that the connection is lost, and waits until the task knows.
    async fn lost(&self) {
        let mut state = self.state.subscribe();
        state.mark_unchanged();
        self.doubt.notify_one();
        let connected = matches!(&*self.state.borrow(), State::Connected(_));
        if connected {
            let _ = timeout(self.timeout, state.changed()).await;
        }
    }

    /// Connects whenever there is no connection.
    async fn keep(self: Arc<Self>, url: String) {
        loop {
            let connection = self.connect_at_last(&url).await;
            self.availability.worked(Trouble::Away);
            self.state
                .send_replace(State::Connected(connection.clone()));
            let why = self.watch(connection).await;
            tracing::debug!("the connection to the store was lost: {why}");
            self.state.send_replace(State::Connecting);
        }
    }

    /// Tries to connect until it works, after longer and longer pauses.
    async fn connect_at_last(&self, url: &str) -> MultiplexedConnection {
        let mut failures = 0;
        loop {
            match self.connect(url).await {
                Ok(connection) => return connection,
                Err(why) => {
                    self.availability.failed(Trouble::Away, &why);
                    self.state.send_replace(State::Away(why.into()));
                    tokio::time::sleep(pause(failures)).await;
                    failures += 1;
                }
            }
        }
    }

    async fn connect(&self, url: &str) -> Result<MultiplexedConnection, String> {
        // The time for a call is the call's own.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None);
        if url.starts_with("rediss:") {
            // redis takes the default of the process, and rustls has none where a program links several. An error says that there is one.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let client = Client::open(url).map_err(|error| text(&error))?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await.map_err(|error| match error.is_timeout() {
            true => self.no_reply(),
            false => text(&error),
        })?;
        self.ping(&mut connection).await?;
        Ok(connection)
    }

    /// Returns why the connection is lost, once it is.
    async fn watch(&self, mut connection: MultiplexedConnection) -> String {
        loop {
            // Whatever is in doubt by now is answered by this.
            let _ = timeout(INTERVAL, self.doubt.notified()).await;
            if let Err(why) = self.ping(&mut connection).await {
                return why;
            }
        }
    }

    async fn ping(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let command = redis::cmd("PING");
        match timeout(self.timeout, command.query_async::<()>(connection)).await {
            Ok(answer) => answer.map_err(|error| text(&error)),
            Err(_) => Err(self.no_reply()),
        }
    }

    fn no_reply(&self) -> String {
        format!("no reply within {:?}", self.timeout)
    }

    fn unavailable(&self, why: &str) -> StoreFailure {
        let message = format!("{}: {why}", self.availability.engine());
        failure(StoreFailureKind::Unavailable, message)
    }

    fn task(&self) -> std::sync::MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Failed {
    /// The connection was lost: it may have been done.
    Lost(String),
    /// There is no connection, or no time left.
    NotSent(String),
    /// Redis says no.
    Refused(String),
}

/// An error of Redis for people; it never has the URL.
fn text(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code @ ("MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN")), detail) => format!(
            "it is a node of a Redis Cluster, which does not have all keys ({}); stackup follows no redirections: name a \
             server that has them, or a proxy of the cluster",
            [code, detail.unwrap_or_default()].join(" ").trim_end()
        ),
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// How long to wait after that many failures.
fn pause(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::RedisUrl;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = [0, 1, 2, 5, 6, 40].map(pause);
        assert_eq!(
            pauses.map(|pause| pause.as_millis()),
            [50, 100, 200, 1600, 2000, 2000]
        );
    }

    #[tokio::test]
    async fn attempts_to_connect_become_rare() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = folder.path().join("nobody");
        let settings = RedisSettings {
            url: RedisUrl::parse(&format!("redis+unix://{}", nobody.display())).unwrap(),
            timeout: Duration::from_secs(1),
            prefix: String::new(),
        };
        let connection = Connection::open(&settings, &Handle::current());
        let mut state = connection.state.subscribe();
        let mut attempts = Vec::new();
        for _ in 0..5 {
            state.changed().await.unwrap();
            assert!(matches!(&*state.borrow_and_update(), State::Away(_)));
            attempts.push(Instant::now());
        }
        // No timer fires before its time.
        for (pair, pause) in attempts.windows(2).zip([50, 100, 200, 400]) {
            let between = pair[1] - pair[0];
            assert!(
                between.as_millis() + 5 >= pause,
                "{between:?} is less than {pause} ms"
            );
        }
        connection.close();
    }

    #[test]
    fn node_of_a_cluster_is_named() {
        let said = |reply: &[u8]| {
            let reply = redis::parse_redis_value(reply).unwrap();
            text(&reply.extract_error().unwrap_err())
        };
        let moved = said(b"-MOVED 3999 10.0.0.2:6379\r\n");
        assert!(moved.contains("a node of a Redis Cluster"), "{moved}");
        assert!(moved.contains("(MOVED 3999 10.0.0.2:6379)"), "{moved}");
        let down = said(b"-CLUSTERDOWN Hash slot not served\r\n");
        assert!(
            down.contains("(CLUSTERDOWN Hash slot not served)"),
            "{down}"
        );
        assert_eq!(said(b"-LOADING it loads\r\n"), "LOADING it loads");
    }

    #[test]
    fn address_of_a_url_has_no_password() {
        let shown = |url: &str| address(url).unwrap();
        assert_eq!(
            shown("redis://user:secret@redis.internal:6380/2"),
            "redis.internal:6380"
        );
        assert_eq!(shown("redis://[::1]"), "::1:6379");
        assert_eq!(shown("redis+unix:///run/redis.sock"), "/run/redis.sock");
        for url in [
            "secret",
            "http://secret",
            "redis://:secret@",
            "redis://host:secret",
            "redis://host/secret",
            "redis://0.0.0.0/?secret",
            "rediss://host/#insecure",
        ] {
            let why = address(url).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
