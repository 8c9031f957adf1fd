//! Clients that ask without a pause, and count what they did not get.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use stackup_tests::http::Response;
use stackup_tests::{Connection, within};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Clients that keep their connection as long as it lives.
const KEEP_ALIVE: usize = 8;
/// Clients that connect anew for each request.
const ONE_REQUEST: usize = 2;
/// All of them: as many requests can be in flight at once.
pub(super) const CLIENTS: u64 = (KEEP_ALIVE + ONE_REQUEST) as u64;

/// What clients may see, and what they saw.
#[derive(Debug, Default)]
pub(super) struct ClientState {
    /// Codes that were asked for.
    allowed_codes: Mutex<BTreeSet<u64>>,
    /// Whether a code that panics was asked for, so that 500 and 503 are right.
    failures_allowed: AtomicBool,
    stop: AtomicBool,
    /// Requests that were in flight when their worker died.
    lost: AtomicU64,
    answered: AtomicU64,
}

impl ClientState {
    pub(super) fn allow_code(&self, code: u64) {
        self.allowed_codes
            .lock()
            .expect("no client panics here")
            .insert(code);
    }

    pub(super) fn allow_failures(&self, allowed: bool) {
        self.failures_allowed.store(allowed, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Any response must be of a stack that was asked for.
    fn check(&self, response: &Response) {
        let failing = matches!(response.status(), 500 | 503);
        if failing && self.failures_allowed.load(Ordering::Relaxed) {
            return;
        }
        let code = code(response);
        let asked = code.is_some_and(|code| {
            self.allowed_codes
                .lock()
                .expect("no client panics here")
                .contains(&code)
        });
        assert!(asked, "not asked for: {response}");
    }
}

/// The code that answered.
pub(super) fn code(response: &Response) -> Option<u64> {
    if response.status() != 200 {
        return None;
    }
    let text = response.text();
    let rest = text.strip_prefix("stackup-faulty-code-")?;
    rest.split_once(' ')?.0.parse().ok()
}

/// Clients at work.
pub(super) struct Clients {
    pub(super) state: Arc<ClientState>,
    tasks: JoinSet<()>,
    progress: Vec<watch::Receiver<u64>>,
}

impl Clients {
    /// Clients of a server that serves this code.
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

    /// Waits until each has had two more answers: so it knows by now if it has lost a request.
    pub(super) async fn wait_for_responses(&mut self) {
        for progress in &mut self.progress {
            let wanted = *progress.borrow() + 2;
            let reached = within(
                "each client's next answers",
                progress.wait_for(|n| *n >= wanted),
            );
            assert!(reached.await.is_ok(), "a client has ended: see its panic");
        }
    }

    /// Ends them; how many requests were answered.
    pub(super) async fn stop(mut self) -> u64 {
        self.state.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = within("the clients' ends", self.tasks.join_next()).await {
            ended.expect("a client got what it should not");
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
            // A refused connection panics, here: there is to be none.
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
