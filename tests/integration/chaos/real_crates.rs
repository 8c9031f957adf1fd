//! Swaps under load of one stack whose plugins bring jemalloc, mimalloc, a tokio of their own, and SQLite: no request and no row
//! is lost.
//!
//! Needs `STACKUP_REAL_CRATES=1`; `STACKUP_SWAPS` says how many swaps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::{Signal, kill_process};
use stackup_tests::http::Response;
use stackup_tests::log::Record;
use stackup_tests::patch::Patch;
use stackup_tests::site::read;
use stackup_tests::{Connection, Host, Site, artifacts, within};
use tokio::task::JoinSet;

use super::number;

const MANIFEST: &str = "\
run = \"uses-tokio\"

[[map]]
path = \"/jemalloc\"
run = \"uses-jemalloc\"

[[map]]
path = \"/mimalloc\"
run = \"uses-mimalloc\"

[[map]]
path = \"/sqlite\"
run = { plugin = \"uses-sqlite\", config = { file = \"rows.db\" } }
";

/// The plugins that are swapped in turn, within the worker.
const IN_PROCESS: [&str; 3] = ["tokio", "jemalloc", "mimalloc"];
/// So many swaps contain one of SQLite, which takes a fresh worker.
const PER_RENEWAL: u64 = 25;

/// What the clients of one plugin share.
#[derive(Default)]
struct Shared {
    /// The newest code that the site has had.
    newest: AtomicU64,
    answered: AtomicU64,
    lost: AtomicU64,
    stop: AtomicBool,
}

/// A plugin of the stack, with its clients.
struct Plugin {
    name: &'static str,
    patch: Patch,
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

impl Plugin {
    /// Puts the library into the site.
    fn install(name: &'static str, site: &Site) -> Option<Self> {
        let library = read(artifacts::real_crate(&format!("uses-{name}"))?);
        let plugin = Self {
            name,
            patch: Patch::new(library, &code(name, 0)),
            shared: Arc::default(),
            clients: JoinSet::new(),
        };
        plugin.put(site, 0);
        Some(plugin)
    }

    fn put(&self, site: &Site, number: u64) {
        self.shared.newest.store(number, Ordering::SeqCst);
        let library = self.patch.with(&code(self.name, number));
        site.library(&format!("uses-{}", self.name), &library);
    }

    /// One client that keeps its connection, and one that connects for each request.
    fn start_clients(&mut self, address: &str) {
        for keeps in [true, false] {
            let (address, name) = (address.to_owned(), self.name);
            let shared = Arc::clone(&self.shared);
            self.clients.spawn(client(address, name, keeps, shared));
        }
    }

    /// Swaps to other code, and waits until it answers.
    async fn swap(&self, site: &Site, host: &Host) {
        let next = self.shared.newest.load(Ordering::SeqCst) + 1;
        self.put(site, next);
        let path = path(self.name);
        let swapped = async {
            // The worker before may accept a few more connections.
            while answering(self.name, &host.get(&path).await) != next {}
        };
        within("the new code", swapped).await;
    }

    /// Ends its clients. Returns how many requests were answered, and how many were not.
    async fn stop(mut self) -> (u64, u64) {
        self.shared.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = within("the clients to end", self.clients.join_next()).await {
            ended.expect("each response is right");
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        (count(&self.shared.answered), count(&self.shared.lost))
    }
}

fn code(name: &str, number: u64) -> String {
    format!("stackup-{name}-code-{number:08}")
}

fn path(name: &str) -> String {
    match name {
        "tokio" => "/".to_owned(),
        other => format!("/{other}"),
    }
}

/// The number of the code that has answered.
fn answering(name: &str, response: &Response) -> u64 {
    assert_eq!(response.status(), 200, "{response}");
    let text = response.text();
    let rest = text.strip_prefix(&format!("stackup-{name}-code-"));
    let digits = rest.and_then(|rest| rest.get(..8));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("{response}"))
}

/// Sends requests without a pause. SQLite's are POST: each adds a row.
async fn client(address: String, name: &'static str, keeps: bool, shared: Arc<Shared>) {
    let method = if name == "sqlite" { "POST" } else { "GET" };
    let request = format!(
        "{method} {} HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n",
        path(name)
    );
    let mut open: Option<(Connection, u64)> = None;
    while !shared.stop.load(Ordering::SeqCst) {
        let (mut connection, before) = match open.take() {
            Some(open) => open,
            // Panics if it is refused: that must not happen.
            None => (Connection::tcp(&address).await, 0),
        };
        let exchanged = async {
            connection.try_send(request.as_bytes()).await?;
            connection.try_response().await
        };
        let Ok(response) = exchanged.await else {
            shared.lost.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        let number = answering(name, &response);
        let newest = shared.newest.load(Ordering::SeqCst);
        // A connection stays with its worker, which goes back to no older code.
        assert!((before..=newest).contains(&number), "{response}");
        shared.answered.fetch_add(1, Ordering::SeqCst);
        let closes = response.header("connection") == Some("close");
        open = (keeps && !closes).then_some((connection, number));
    }
}

/// How many renewals there were, by their cause.
fn renewals(host: &Host) -> (usize, usize) {
    let (mut of_sqlite, mut others) = (0, 0);
    let begins = |record: &Record| record.event() == "renewal" && record.text("state") == "begins";
    while let Some(record) = host.log().try_take(begins) {
        match record.text("cause").contains("SQLite") {
            true => of_sqlite += 1,
            false => {
                println!("a renewal: {}", record.text("cause"));
                others += 1;
            }
        }
    }
    (of_sqlite, others)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_of_real_crates_lose_no_request_and_no_row() {
    let site = Site::new(MANIFEST, &[]);
    let install = |name| Plugin::install(name, &site);
    let (Some(mut sqlite), mut others) = (
        install("sqlite"),
        IN_PROCESS
            .into_iter()
            .filter_map(install)
            .collect::<Vec<_>>(),
    ) else {
        return;
    };
    let host = Host::start(&site).await;
    for plugin in others.iter_mut().chain([&mut sqlite]) {
        plugin.start_clients(host.address());
    }
    let swaps = number("STACKUP_SWAPS", 100);
    let began = std::time::Instant::now();
    for swap in 1..=swaps {
        match swap % PER_RENEWAL {
            0 => sqlite.swap(&site, &host).await,
            _ => {
                others[swap as usize % others.len()]
                    .swap(&site, &host)
                    .await
            }
        }
    }
    let took = began.elapsed();
    let newest = sqlite.shared.newest.load(Ordering::SeqCst);
    let (rows, mut lost) = sqlite.stop().await;
    let mut answered = rows;
    for plugin in others {
        let (its_answered, its_lost) = plugin.stop().await;
        answered += its_answered;
        lost += its_lost;
    }
    let (by_sqlite, by_others) = renewals(&host);
    println!(
        "{swaps} swaps in {took:?}, {by_sqlite} renewals for SQLite and {by_others} others: {answered} answered, {lost} \
         lost, {rows} rows"
    );
    assert_eq!(lost, 0, "{}", host.log());
    assert_eq!(by_sqlite as u64, swaps / PER_RENEWAL, "{}", host.log());
    // What was acknowledged is there, also after a crash.
    let expected = format!("{} {rows}", code("sqlite", newest));
    assert_eq!(host.get("/sqlite").await.text(), expected);
    let status = site.stackup(&["status", "--json"]).await;
    let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    let workers = status["workers"].as_array().expect("workers");
    let serving = workers.iter().find(|worker| worker["state"] == "serving");
    let pid = serving.and_then(|worker| worker["pid"].as_i64());
    let pid = pid.and_then(|pid| rustix::process::Pid::from_raw(pid.try_into().ok()?));
    while host
        .log()
        .try_take(|record| record.event() == "worker")
        .is_some()
    {}
    kill_process(pid.expect("a worker"), Signal::KILL).expect("it serves");
    host.next_worker().await;
    assert_eq!(host.get("/sqlite").await.text(), expected);
}
