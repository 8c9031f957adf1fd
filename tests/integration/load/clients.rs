//! Clients that send requests without a pause and check every byte of the responses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stackup_tests::Connection;
use stackup_tests::marks::Mark;
use tokio::task::JoinSet;

/// Clients that keep their connection and request short responses; some also request streams.
const KEEP_ALIVE: usize = 16;
/// Clients that connect for each request.
const ONE_REQUEST: usize = 2;

/// Running clients.
pub(super) struct Clients {
    tasks: JoinSet<Seen>,
    stop: Arc<AtomicBool>,
}

/// What clients received.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) marks: BTreeSet<Mark>,
    pub(super) responses: u64,
    pub(super) streams: u64,
    pub(super) connections: u64,
}

impl Clients {
    pub(super) fn start(address: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..KEEP_ALIVE + ONE_REQUEST {
            let client = Client {
                address: address.to_owned(),
                stays: number < KEEP_ALIVE,
                streams: number % 4 == 0,
                stop: Arc::clone(&stop),
            };
            tasks.spawn(client.run());
        }
        Self { tasks, stop }
    }

    /// Waits for their last responses.
    ///
    /// # Panics
    ///
    /// If one of them got an unexpected response.
    pub(super) async fn stop(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        while let Some(seen) = self.tasks.join_next().await {
            let seen = seen.expect("a client got an unexpected response");
            all.marks.extend(seen.marks);
            all.responses += seen.responses;
            all.streams += seen.streams;
            all.connections += seen.connections;
        }
        all
    }
}

struct Client {
    address: String,
    stays: bool,
    streams: bool,
    stop: Arc<AtomicBool>,
}

impl Client {
    async fn run(self) -> Seen {
        let mut seen = Seen::default();
        let mut open = None;
        let mut last = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let mut connection = match open.take() {
                Some(connection) => connection,
                None => {
                    seen.connections += 1;
                    // On one connection, generations never go back. A new connection starts over.
                    last = 0;
                    Connection::tcp(&self.address).await
                }
            };
            let is_stream = self.streams && seen.responses % 8 == 0;
            let target = if is_stream { "/stream" } else { "/" };
            let response = connection.get(target).await;
            let mark = Mark::check(&response, is_stream).unwrap_or_else(|why| panic!("{why}"));
            assert!(mark.generation >= last, "{} after {last}", mark.generation);
            last = mark.generation;
            seen.marks.insert(mark);
            seen.responses += 1;
            seen.streams += u64::from(is_stream);
            open = self.stays.then_some(connection);
        }
        seen
    }
}
