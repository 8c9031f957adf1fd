//! Clients that send requests without a pause and count lost ones.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use stackup_tests::http::Response;
use stackup_tests::{Connection, within};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Clients that keep their connection.
const KEEP_ALIVE: usize = 8;
/// Clients that connect for each request.
const ONE_REQUEST: usize = 2;
/// All clients: the most requests that can be in flight at once.
pub(super) const CLIENTS: u64 = (KEEP_ALIVE + ONE_REQUEST) as u64;

/// The responses that clients may get, and counts of those they got.
#[derive(Debug, Default)]
pub(super) struct ClientState {
    /// Codes that a response may have.
    allowed_codes: Mutex<BTreeSet<u64>>,
    /// Whether 500 and 503 are allowed, because a library panics.
    failures_allowed: AtomicBool,
    stop: AtomicBool,
    /// Requests without a response, because their worker died.
    lost: AtomicU64,
    answered: AtomicU64,
}

impl ClientState {
    pub(super) fn allow_code(&self, code: u64) {
        self.allowed_codes
            .lock()
            .expect("no client panics with the lock")
            .insert(code);
    }

    pub(super) fn allow_failures(&self, allowed: bool) {
        self.failures_allowed.store(allowed, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Asserts that the response is allowed.
    fn check(&self, response: &Response) {
        let failing = matches!(response.status(), 500 | 503);
        if failing && self.failures_allowed.load(Ordering::Relaxed) {
            return;
        }
        let code = code(response);
        let asked = code.is_some_and(|code| {
            self.allowed_codes
                .lock()
                .expect("no client panics with the lock")
                .contains(&code)
        });
        assert!(asked, "unexpected response: {response}");
    }
}

/// The code of the library that responded.
pub(super) fn code(response: &Response) -> Option<u64> {
    if response.status() != 200 {
        return None;
    }
    let text = response.text();
    let rest = text.strip_prefix("stackup-faulty-code-")?;
    rest.split_once(' ')?.0.parse().ok()
}

/// Running clients.
pub(super) struct Clients {
    pub(super) state: Arc<ClientState>,
    tasks: JoinSet<()>,
    progress: Vec<watch::Receiver<u64>>,
}

impl Clients {
    /// Starts clients of a server that serves this code.
    pub(super) fn start(address: &str, code: u64) -> Self {
        let (state, mut tasks) = (Arc::<ClientState>::default(), JoinSet::new());
        state.allow_code(code);
        let progress = (0..KEEP_ALIVE + ONE_REQUEST).map(|number| {
            let (done, progress) = watch::channel(0);
            let client = Client {
                address: address.to_owned(),
                keep_alive: number < KEEP_ALIVE,
                state: Arc::clone(&state),
                done,
            };
            tasks.spawn(client.run());
            progress
        });
        let progress = progress.collect();
        Self {
            state,
            tasks,
            progress,
        }
    }

    /// Waits until each client has two more responses. By then it has counted any lost request.
    pub(super) async fn wait_for_responses(&mut self) {
        for progress in &mut self.progress {
            let wanted = *progress.borrow() + 2;
            let reached = within(
                "each client's next responses",
                progress.wait_for(|n| *n >= wanted),
            );
            assert!(reached.await.is_ok(), "a client has panicked, see above");
        }
    }

    /// Stops the clients. Returns the number of responses.
    pub(super) async fn stop(mut self) -> u64 {
        self.state.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = within("all clients to finish", self.tasks.join_next()).await {
            ended.expect("a client got an unexpected response");
        }
        self.state.answered.load(Ordering::Relaxed)
    }
}

struct Client {
    address: String,
    keep_alive: bool,
    state: Arc<ClientState>,
    done: watch::Sender<u64>,
}

impl Client {
    async fn run(self) {
        let mut open = None;
        while !self.state.stop.load(Ordering::Relaxed) {
            // Panics if the connection is refused: that must not happen.
            let mut connection = match open.take() {
                Some(connection) => connection,
                None => Connection::tcp(&self.address).await,
            };
            match exchange(&mut connection).await {
                Ok(response) => {
                    self.state.check(&response);
                    self.state.answered.fetch_add(1, Ordering::Relaxed);
                    self.done.send_modify(|done| *done += 1);
                    let closes = response.header("connection") == Some("close");
                    open = (self.keep_alive && !closes).then_some(connection);
                }
                Err(_) => drop(self.state.lost.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }
}

async fn exchange(connection: &mut Connection) -> io::Result<Response> {
    connection
        .try_send(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        .await?;
    connection.try_response().await
}
