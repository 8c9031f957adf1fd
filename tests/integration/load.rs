//! Swaps under load: no request fails, and none is served by two generations.
//!
//! The short form is part of `cargo test`; `STACKUP_LOAD=long` swaps as often as a day of work.

mod clients;

use std::collections::BTreeMap;

use stackup_tests::artifacts;
use stackup_tests::marks::{self, Mark};
use stackup_tests::site::read;
use stackup_tests::{Host, Site, within};

use self::clients::{Clients, Seen};

/// The number of swaps of each kind.
#[derive(Debug, Clone, Copy)]
struct Plan {
    manifests: u64,
    codes: u64,
}

impl Plan {
    fn from_env() -> Self {
        match std::env::var("STACKUP_LOAD").as_deref() {
            Ok("long") => Self {
                manifests: 300,
                codes: 60,
            },
            _ => Self {
                manifests: 40,
                codes: 10,
            },
        }
    }

    /// For each swap, whether it swaps code. Spread evenly.
    fn swaps(self) -> impl Iterator<Item = bool> {
        let every = (self.manifests + self.codes) / self.codes;
        (1..=self.manifests + self.codes).map(move |at| at % every == 0)
    }
}

/// A host that serves marks, and its expected mark.
struct TestServer {
    site: Site,
    host: Host,
    library: Vec<u8>,
    now: Mark,
}

impl TestServer {
    async fn new() -> Self {
        let library = read(artifacts::plugin("marked"));
        let site = Site::new(&marks::manifest(3, 0), &["panics"]);
        site.library("marked", &marks::with_code(&library, 0));
        let host = Host::start(&site).await;
        Self {
            site,
            host,
            library,
            now: Mark {
                generation: 1,
                revision: 0,
                code: 0,
            },
        }
    }

    async fn swap_manifest(&mut self) {
        self.now.revision += 1;
        self.site.manifest(&marks::manifest(3, self.now.revision));
        self.wait_for_swap().await;
    }

    async fn swap_code(&mut self) {
        self.now.code += 1;
        let library = marks::with_code(&self.library, self.now.code);
        self.site.library("marked", &library);
        self.wait_for_swap().await;
    }

    /// After the event, the new stack serves each new request.
    async fn wait_for_swap(&mut self) {
        self.now.generation += 1;
        self.wait_for_outcome("swapped").await;
        let found = Mark::check(&self.host.get("/").await, false);
        assert_eq!(found, Ok(self.now));
    }

    /// A refused candidate changes nothing.
    async fn wait_for_refusal(&mut self) {
        self.wait_for_outcome("refused").await;
        let found = Mark::check(&self.host.get("/").await, false);
        assert_eq!(found, Ok(self.now));
    }

    async fn wait_for_outcome(&mut self, outcome: &str) {
        loop {
            let event = self.host.event("reload").await;
            let found = event.text("outcome");
            // The host may report one change twice, the second time as the file is by then. A good candidate that is
            // refused swaps never.
            if found != outcome && ["unchanged", "refused"].contains(&found) {
                continue;
            }
            assert_eq!(found, outcome, "{event}");
            assert_eq!(event.number("generation"), Some(self.now.generation));
            return;
        }
    }

    /// Writes a candidate that must be refused. The next swap repairs it.
    async fn write_bad_candidate(&mut self, how: u64) {
        match how % 4 {
            0 => self.site.manifest("run = [\"marked#app\"\n"),
            1 => self.site.manifest("run = \"no-such-plugin\"\n"),
            2 => self.site.manifest(PANICS),
            _ => {
                let half = &self.library[..self.library.len() / 2];
                self.site.library("marked", half);
            }
        }
        self.wait_for_refusal().await;
        if how % 4 == 3 {
            // Restore it: the next manifest alone would not repair the library.
            let library = marks::with_code(&self.library, self.now.code);
            self.site.library("marked", &library);
            self.wait_for_outcome("unchanged").await;
        }
    }
}

/// A stack whose layer is good and whose app panics in `init`.
const PANICS: &str = "
[[use]]
plugin = \"marked#layer\"
config = { revision = 0 }
[run]
plugin = \"panics\"
config = { at_init = true }
";

/// Asserts that each generation has one mark.
fn assert_consistent(seen: &Seen, server: &TestServer) {
    let mut marks: BTreeMap<u64, Mark> = BTreeMap::new();
    for mark in &seen.marks {
        let first = marks.entry(mark.generation).or_insert(*mark);
        assert_eq!(first, mark, "one generation, two stacks");
    }
    let last = marks.last_key_value().map(|(_, mark)| *mark);
    assert_eq!(last, Some(server.now));
    println!(
        "{} responses, {} of them streams, from {} of {} generations; {} connections",
        seen.responses,
        seen.streams,
        marks.len(),
        server.now.generation,
        seen.connections,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_lose_and_mix_no_request() {
    let mut server = TestServer::new().await;
    let clients = Clients::start(server.host.address());
    for is_code in Plan::from_env().swaps() {
        if is_code {
            server.swap_code().await;
        } else {
            server.swap_manifest().await;
        }
    }
    let seen = within("all clients to finish", clients.stop()).await;
    assert_consistent(&seen, &server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_candidates_fail_no_request() {
    let mut server = TestServer::new().await;
    let clients = Clients::start(server.host.address());
    let mut bad = 0;
    for is_code in Plan::from_env().swaps() {
        server.write_bad_candidate(bad).await;
        bad += 1;
        if is_code && bad % 4 == 0 {
            server.swap_code().await;
        } else {
            server.swap_manifest().await;
        }
    }
    let seen = within("all clients to finish", clients.stop()).await;
    assert_consistent(&seen, &server);
}
