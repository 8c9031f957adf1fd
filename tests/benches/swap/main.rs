//! The time of a swap: from the rename of a file to the first response of the new stack.
//!
//! `hello` behind ten middleware, where one value in the manifest changes or the library of `hello`;
//! then ten layers and an app of one library, which is what cargo leaves. A client asks all the time, so the figures hold for a server at work.

mod table;

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use stackup_tests::http::Response;
use stackup_tests::log::Record;
use stackup_tests::marks;
use stackup_tests::patch::patched;
use stackup_tests::site::{library_file, read};
use stackup_tests::{Connection, Host, Site, artifacts};

use self::table::Table;

const SWAPS: u32 = 100;
/// No renewal during the swaps.
const ONE_WORKER: &str = "[renewal]\ngenerations = \"off\"\nmemory = \"off\"\n";
/// The interval between two requests.
const POLL: Duration = Duration::from_micros(200);

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let bench = Bench::new(&manifest(0), &["hello", "ten-headers"]).await;
        bench.manifests().await.print("a value in the manifest");
        let at_rest = Duration::from_millis(100);
        let hello = ["hello", "Hello, World!", "Hello, "];
        let table = bench.libraries(hello, at_rest).await;
        table.print("the library of the app, written a while ago");
        let bench = Bench::new(&marked(), &["marked"]).await;
        let marked = ["marked", "marked-code-00000000", "marked-code-000"];
        let table = bench.libraries(marked, Duration::ZERO).await;
        table.print("the library of all eleven handlers, written just now");
    });
}

struct Bench {
    site: Site,
    host: Host,
}

impl Bench {
    async fn new(manifest: &str, plugins: &[&str]) -> Self {
        let site = Site::new(manifest, plugins);
        let host = Host::start(&site).await;
        Self { site, host }
    }

    async fn manifests(&self) -> Table {
        let mut table = Table::default();
        for number in 1..=SWAPS {
            let text = manifest(number);
            let value = format!("value-{number}");
            let wanted = |response: &Response| response.header("x-layer-0") == Some(&value);
            let total = self
                .first("config.ru.toml", text.as_bytes(), Duration::ZERO, wanted)
                .await;
            table.add(total, &self.next_reload().await);
        }
        table
    }

    /// Swaps the code of a plugin. A text in the library identifies the code.
    async fn libraries(&self, [plugin, from, to]: [&str; 3], rest: Duration) -> Table {
        let (library, file) = (read(artifacts::plugin(plugin)), library_file(plugin));
        let mut table = Table::default();
        for number in 1..=SWAPS {
            let text = format!("{to}{number:05}{}", &from[to.len() + 5..]);
            let library = patched(&library, from, &text);
            let wanted = |response: &Response| response.text().contains(&text);
            let total = self.first(&file, &library, rest, wanted).await;
            table.add(total, &self.next_reload().await);
        }
        table
    }

    /// From the rename that puts `content` in place to the first response that is `wanted`.
    async fn first(
        &self,
        file: &str,
        content: &[u8],
        rest: Duration,
        wanted: impl Fn(&Response) -> bool,
    ) -> Duration {
        let unfinished = self.site.path().join("unfinished");
        // The previous swap and its drain have ended.
        tokio::time::sleep(Duration::from_millis(60)).await;
        fs::write(&unfinished, content).expect("the site can be written");
        // The host waits before it reads a new file, as it may be incomplete.
        tokio::time::sleep(rest).await;
        let mut connection = Connection::tcp(self.host.address()).await;
        let start = Instant::now();
        fs::rename(&unfinished, self.site.path().join(file)).expect("the site can be written");
        loop {
            let response = connection.get("/").await;
            assert_eq!(response.status(), 200);
            if wanted(&response) {
                return start.elapsed();
            }
            assert!(start.elapsed() < Duration::from_secs(10), "no new stack");
            tokio::time::sleep(POLL).await;
        }
    }

    async fn next_reload(&self) -> Record {
        loop {
            let event = self.host.event("reload").await;
            match event.text("outcome") {
                "swapped" => return event,
                // The host may report one change twice.
                "unchanged" => {}
                _ => panic!("{event}"),
            }
        }
    }
}

fn manifest(number: u32) -> String {
    let mut text = String::new();
    for at in 0..10 {
        let value = if at == 0 { number } else { 0 };
        let _ = write!(
            text,
            "[[use]]\nplugin = \"ten-headers#header\"\n\
             config = {{ read = \"host\", set = \"x-layer-{at}\", value = \"value-{value}\" }}\n"
        );
    }
    text + "[run]\nplugin = \"hello\"\n" + ONE_WORKER
}

/// Ten layers and an app of one library.
fn marked() -> String {
    marks::manifest(10, 0) + ONE_WORKER
}
