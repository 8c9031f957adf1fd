//! Clients that send requests without a pause, check every byte, and continue after a failure.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use stackup_tests::Connection;
use stackup_tests::marks::Mark;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Clients that keep their connection; two of them also request streams.
const KEEP_ALIVE: u64 = 8;
/// Clients that connect for each request.
const ONE_REQUEST: u64 = 2;
/// The number of requests per stream request.
const STREAM: u64 = 32;

/// Running clients.
pub(crate) struct Clients {
    tasks: JoinSet<()>,
    newest: watch::Receiver<u64>,
    shared: Arc<Shared>,
}

/// State shared by all clients.
#[derive(Debug)]
struct Shared {
    address: String,
    stop: AtomicBool,
    requests: AtomicU64,
    /// The failures.
    failures: Mutex<Vec<String>>,
    /// The newest code of a response.
    newest: watch::Sender<u64>,
    /// The mark of each generation: two workers must not give one number to two stacks.
    generations: Mutex<HashMap<u64, Mark>>,
}

impl Clients {
    pub(crate) fn start(address: &str) -> Self {
        let shared = Arc::new(Shared {
            address: address.to_owned(),
            stop: AtomicBool::default(),
            requests: AtomicU64::default(),
            failures: Mutex::default(),
            newest: watch::Sender::default(),
            generations: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for number in 0..KEEP_ALIVE + ONE_REQUEST {
            let client = Client {
                shared: Arc::clone(&shared),
                stays: number < KEEP_ALIVE,
                streams: number % 4 == 0,
            };
            tasks.spawn(client.run());
        }
        Self {
            tasks,
            newest: shared.newest.subscribe(),
            shared,
        }
    }

    /// Waits until a client has a response with this code.
    pub(crate) async fn see(&mut self, code: u64) {
        let seen = self.newest.wait_for(|newest| *newest >= code).await;
        seen.expect("the sender is ours");
    }

    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) -> usize {
        self.shared.lock_failures().len()
    }

    /// Waits for their last responses and returns the failures.
    pub(crate) async fn stop(mut self) -> Vec<String> {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                self.shared
                    .fail(format!("a client waited for ever: {error}"));
            }
        }
        std::mem::take(&mut *self.shared.lock_failures())
    }
}

impl Shared {
    fn fail(&self, what: String) {
        self.lock_failures().push(what);
    }

    fn lock_failures(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a new mark of a connection.
    fn news(&self, mark: Mark) -> Result<(), String> {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let first = *generations.entry(mark.generation).or_insert(mark);
        self.newest.send_if_modified(|newest| {
            let newer = mark.code > *newest;
            *newest = mark.code.max(*newest);
            newer
        });
        match first == mark {
            true => Ok(()),
            false => Err(format!("one generation, two stacks: {first:?}, {mark:?}")),
        }
    }
}

struct Client {
    shared: Arc<Shared>,
    stays: bool,
    streams: bool,
}

impl Client {
    async fn run(self) {
        let mut open = None;
        let mut number = 0;
        while !self.shared.stop.load(Ordering::Relaxed) {
            number += 1;
            self.shared.requests.fetch_add(1, Ordering::Relaxed);
            let is_stream = self.streams && number % STREAM == 0;
            match self.ask(open.take(), is_stream).await {
                Ok(next) => open = next,
                Err(why) => {
                    let newest = *self.shared.newest.borrow();
                    self.shared.fail(format!("at code {newest}: {why}"));
                }
            }
        }
    }

    /// Sends one request. Returns the connection if it can be reused, with its last mark.
    async fn ask(
        &self,
        open: Option<(Connection, Mark)>,
        is_stream: bool,
    ) -> Result<Option<(Connection, Mark)>, String> {
        let (mut connection, before) = match open {
            Some((connection, mark)) => (connection, Some(mark)),
            None => {
                let connection = Connection::try_tcp(&self.shared.address).await;
                (connection.map_err(describe("connect", None))?, None)
            }
        };
        let target = if is_stream { "/stream" } else { "/" };
        let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
        let sent = connection.try_send(request.as_bytes()).await;
        sent.map_err(describe("send", before))?;
        let response = connection.try_response().await;
        let response = response.map_err(describe("receive", before))?;
        let mark = Mark::check(&response, is_stream)?;
        match before {
            Some(before) if before == mark => {}
            Some(before) if before.generation >= mark.generation => {
                return Err(format!("{mark:?} after {before:?} on one connection"));
            }
            _ => self.shared.news(mark)?,
        }
        let closes = response.header("connection") == Some("close");
        Ok((self.stays && !closes).then_some((connection, mark)))
    }
}

/// The failure, on a new connection or on a reused one.
fn describe(what: &str, before: Option<Mark>) -> impl Fn(io::Error) -> String {
    move |error| format!("{what}: {error}, before on this connection: {before:?}")
}
