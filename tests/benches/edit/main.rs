//! The time from the save of a one-line change to the first response with the new text.
//!
//! A `hello` under `stackup dev`, alone and as one of 15 plugins; beside them the same text in an axum app that is
//! killed, built and started again, as `cargo watch -x run` does it. A request each 5 ms all the time; those
//! that fail are counted. `EDITS=30` of each, in turns.

mod rival;
mod table;
mod trickle;

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use stackup_tests::cargo_site::{app, lib};
use stackup_tests::log::Record;
use stackup_tests::{CargoSite, Host};

use self::rival::Rival;
use self::table::Table;
use self::trickle::{Trickle, ask};

/// Beside `hello`.
const OTHERS: usize = 14;
/// No renewal during the edits.
const ONE_WORKER: &str = "\n[renewal]\ngenerations = \"off\"\nmemory = \"off\"\n";
/// The pause between two edits, so that each is a separate save.
const PAUSE: Duration = Duration::from_millis(200);
/// The interval between two requests for the new text.
const POLL: Duration = Duration::from_millis(1);

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let edits = std::env::var("EDITS").ok();
    let edits = edits.and_then(|text| text.parse().ok()).unwrap_or(30);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // On a task of its own: cargo blocks its thread while it builds.
    let done = runtime.spawn(bench(edits));
    runtime.block_on(done).expect("the bench comes to its end");
}

async fn bench(edits: usize) {
    let others: Vec<_> = (1..=OTHERS)
        .map(|number| format!("other-{number}"))
        .collect();
    let mut plugins: Vec<_> = others.iter().map(String::as_str).collect();
    plugins.push("hello");
    // cargo's default profile, with full debug info.
    let cargo_site = CargoSite::unbuilt(&manifest_of_one(), &plugins, "");
    println!("cargo builds all once; this may take minutes");
    cargo_alone(&cargo_site, edits).print("cargo by hand, one plugin of the workspace");
    let mut rival = Rival::new();
    for (manifest, title) in [
        (manifest_of_one(), "stackup dev, a stack of one plugin"),
        (
            manifest_of_many(&others),
            "stackup dev, a stack of 15 plugins",
        ),
    ] {
        cargo_site.site.manifest(&manifest);
        let subject = Subject::new(&cargo_site).await;
        let (mut ours, mut theirs) = (Table::default(), Table::default());
        rival.start().await;
        let our_requests = Trickle::start(subject.host.address());
        let their_requests = Trickle::start(rival.address());
        for number in 0..edits {
            tokio::time::sleep(PAUSE).await;
            subject.edit(number, &mut ours).await;
            tokio::time::sleep(PAUSE).await;
            rival.edit(number, &mut theirs).await;
        }
        let (our_requests, their_requests) = (our_requests.end().await, their_requests.end().await);
        ours.print(title);
        println!("\n{our_requests}");
        theirs.print("axum, killed, built and started again, in the same run");
        println!("\n{their_requests}");
        rival.stop();
    }
}

/// The same edit without a watcher: cargo alone.
fn cargo_alone(cargo_site: &CargoSite, edits: usize) -> Table {
    let build = |which: &[&str]| {
        let mut cargo = cargo_site.cargo();
        cargo.args(["build", "--lib", "--quiet"]).args(which);
        let status = cargo.stdout(Stdio::null()).status();
        let built = status.is_ok_and(|status| status.success());
        assert!(built, "the plugins do not build");
    };
    build(&["--workspace"]);
    let mut table = Table::default();
    for number in 0..edits {
        std::thread::sleep(PAUSE);
        cargo_site.save(&lib("hello"), &app(&format!("by hand {number}")));
        let start = Instant::now();
        build(&["--package", "hello"]);
        table.add("cargo", start.elapsed());
    }
    table
}

struct Subject<'a> {
    cargo_site: &'a CargoSite,
    host: Host,
}

impl<'a> Subject<'a> {
    async fn new(cargo_site: &'a CargoSite) -> Self {
        let host = cargo_site.develop().await;
        let subject = Self { cargo_site, host };
        // The first edit is not typical: cargo has built everything together before.
        subject.edit(usize::MAX, &mut Table::default()).await;
        subject
    }

    async fn edit(&self, number: usize, table: &mut Table) {
        let text = format!("edit {number}");
        let start = Instant::now();
        self.cargo_site.save(&lib("hello"), &app(&text));
        first(self.host.address(), &text).await;
        let total = start.elapsed();
        let stages = stages(&self.next_reload().await);
        let sum = |names: &[&str]| {
            let named = stages
                .iter()
                .filter(|(name, _)| names.contains(&name.as_str()));
            named.map(|(_, time)| *time).sum::<Duration>()
        };
        let all: Duration = stages.iter().map(|(_, time)| *time).sum();
        let detect = sum(&["detect", "manifest", "sources"]);
        let (cargo, swap) = (sum(&["cargo"]), sum(&["swap"]));
        table.add("save to first new text", total);
        table.add("detect: event to cargo", detect);
        table.add("cargo", cargo);
        table.add(
            "load: settle to warm up",
            all.saturating_sub(detect + cargo + swap),
        );
        for (name, time) in &stages {
            if !["detect", "manifest", "sources", "cargo", "swap"].contains(&name.as_str()) {
                table.add(&format!("load, {name}"), *time);
            }
        }
        table.add("swap", swap);
        table.add("what stackup adds to cargo", total.saturating_sub(cargo));
    }

    async fn next_reload(&self) -> Record {
        loop {
            let event = self.host.event("reload").await;
            match event.text("outcome") {
                "swapped" => return event,
                "unchanged" => {}
                _ => panic!("{event}"),
            }
        }
    }
}

fn stages(record: &Record) -> Vec<(String, Duration)> {
    let stage = |text: &str| {
        let (name, time) = text.rsplit_once(' ')?;
        let milliseconds: f64 = time.parse().ok()?;
        Some((
            name.to_owned(),
            Duration::from_secs_f64(milliseconds / 1000.0),
        ))
    };
    record
        .text("stages")
        .split(", ")
        .filter_map(stage)
        .collect()
}

/// Returns at the first response with this text.
async fn first(address: &str, text: &str) {
    let start = Instant::now();
    let is_new = |response: String| response.ends_with(text);
    while !ask(address).await.is_some_and(is_new) {
        assert!(start.elapsed() < Duration::from_secs(120), "no `{text}`");
        tokio::time::sleep(POLL).await;
    }
}

fn manifest_of_one() -> String {
    format!("[run]\nplugin = \"hello\"\n{ONE_WORKER}")
}

fn manifest_of_many(others: &[String]) -> String {
    let mut text = String::new();
    for other in others {
        let _ = write!(text, "[[map]]\npath = \"/{other}\"\nrun = \"{other}\"\n\n");
    }
    text + &manifest_of_one()
}
