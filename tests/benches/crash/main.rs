//! The outage after a worker's death: from its exit to the next response.
//!
//! An app that reads where it may not, in a request; then a worker that is killed from outside. Each time
//! the stack has passed its probation, so the next worker begins with the same one. `CRASHES=200` of each.

mod table;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::log::Record;
use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts};

use self::table::Table;

/// The app crashes only in a request for `/fault`.
const FAULT: [&str; 2] = [
    "stackup-faulty-fault-none@00000000",
    "stackup-faulty-fault-segv@00000000",
];

/// One request ends the probation, and no number of crashes quarantines the library: two are
/// further apart than the window is long.
const MANIFEST: &str = "
run = \"faulty\"
[failures]
crashes = 1000
crash_window = \"1s\"
probation_requests = 1
";

/// After this uptime a crashed worker is replaced without a pause: the back-off is reset (1 s).
const UPTIME: Duration = Duration::from_millis(1100);

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let crashes = std::env::var("CRASHES").ok();
    let crashes = crashes.and_then(|text| text.parse().ok()).unwrap_or(200);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut bench = Bench::new().await;
        for (death, title) in [
            (Death::Request, "a request that crashes the worker"),
            (Death::Kill, "`kill -9` of the worker"),
        ] {
            let mut table = Table::default();
            for _ in 0..crashes {
                bench.die(death, &mut table).await;
            }
            table.print(title);
        }
    });
}

/// How a worker dies.
#[derive(Debug, Clone, Copy)]
enum Death {
    Request,
    Kill,
}

struct Bench {
    _site: Site,
    host: Host,
    worker: Pid,
}

impl Bench {
    async fn new() -> Self {
        let site = Site::new(MANIFEST, &[]);
        let library = read(artifacts::plugin("faulty"));
        site.library("faulty", &patched(&library, FAULT[0], FAULT[1]));
        let host = Host::start(&site).await;
        host.event("stack").await;
        let worker = host.worker();
        Self {
            _site: site,
            host,
            worker,
        }
    }

    /// Kills one worker and waits for a response of the next.
    async fn die(&mut self, death: Death, table: &mut Table) {
        let mut connection = self.host.connect().await;
        // This ends the probation, and shows that the worker has accepted the connection.
        assert_eq!(connection.get("/").await.status(), 200);
        tokio::time::sleep(UPTIME).await;
        let begun = now();
        match death {
            Death::Request => {
                let request = "GET /fault HTTP/1.1\r\nhost: test\r\n\r\n";
                connection.send(request).await;
            }
            Death::Kill => kill_process(self.worker, Signal::KILL).expect("the worker runs"),
        }
        assert!(connection.closes().await, "it answered");
        let ended = now();
        assert_eq!(self.host.get("/").await.status(), 200);
        let served = now();
        let crash = self.host.event("crash").await;
        let stack = self.host.event("stack").await;
        self.worker = self
            .host
            .next_worker()
            .await
            .expect("a worker has a number");
        let [reported, ready] = [&crash, &stack].map(time);
        table.add("its end to the next 200", served - ended);
        table.add("its cause to the next 200", served - begun);
        table.add("the process dies: cause to end", ended - begun);
        table.add("the supervisor draws its conclusions", reported - ended);
        table.add("the new worker starts and boots", ready - reported);
        table.add("the first request", served - ready);
    }
}

/// When a line was written, in seconds since the Unix epoch.
fn time(record: &Record) -> f64 {
    record.float("time").expect("a line has its time")
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a clock that is set").as_secs_f64()
}
