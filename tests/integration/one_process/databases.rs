//! New code of a library that must be in a process once starts in a fresh worker.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::log::Record;
use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Connection, Host, Site, artifacts};

use super::{code, site};

const FIRST: &str = "stackup-late-code-00000000";
const SECOND: &str = "stackup-late-code-00000001";

fn begins(record: &Record) -> bool {
    record.event() == "renewal" && record.text("state") == "begins"
}

/// Waits for a renewal and the worker that took over.
async fn renewed(host: &Host, cause: &str) -> Pid {
    let record = host.log().take("a renewal", begins).await;
    assert_eq!(record.text("cause"), cause);
    host.renewed().await.expect("a process")
}

async fn answers(host: &Host, code: &str) {
    let response = host.get("/").await;
    assert!(response.text().starts_with(code), "{response}");
}

fn no_renewal(host: &Host) {
    assert!(host.log().try_take(begins).is_none(), "{}", host.log());
}

#[tokio::test]
async fn reload_that_must_renew_is_answered_by_a_fresh_worker() {
    let manifest = "run = { plugin = \"late\", reload = \"renew\" }\n";
    let site = Site::new(manifest, &["late"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.text(), FIRST);
    let library = read(artifacts::plugin("late"));
    site.library("late", &patched(&library, FIRST, SECOND));
    let cause = "new code of `late`, as `reload = \"renew\"` asks";
    assert_ne!(renewed(&host, cause).await, host.worker());
    answers(&host, SECOND).await;
    // Another stack of the same code is swapped in as ever.
    site.manifest(&format!("{manifest}[limits]\nbody_bytes = \"1KiB\"\n"));
    host.reload("swapped").await;
    no_renewal(&host);
}

#[tokio::test]
async fn command_waits_for_the_worker_that_loads_the_new_code() {
    let manifest = "run = { plugin = \"late\", reload = \"renew\" }\n";
    let site = Site::new(manifest, &["late"]);
    let host = Host::start(&site).await;
    let library = read(artifacts::plugin("late"));
    site.library("late", &patched(&library, FIRST, SECOND));
    let said = site.stackup(&["reload"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    answers(&host, SECOND).await;
}

/// A site with two rows of the database `rows.db`, served by the plugin with this engine.
async fn with_rows(engine: &str, manifest: &str) -> Option<(Site, Host, &'static Path)> {
    let plugin = format!("uses-{engine}");
    let library = artifacts::real_crate(&plugin)?;
    let site = site(manifest, &plugin, library);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    for number in 1..=2 {
        let expected = format!("{} {number}", code(engine, 0));
        assert_eq!(connection.post("/", b"").await.text(), expected);
    }
    Some((site, host, library))
}

/// Adds rows until `stop`. Returns how many were acknowledged.
async fn add_rows(address: String, stop: Arc<AtomicBool>) -> u64 {
    let mut acknowledged = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut connection = Connection::tcp(&address).await;
        let response = connection.post("/", b"").await;
        assert_eq!(response.status(), 200, "{response:?}");
        acknowledged += 1;
    }
    acknowledged
}

#[tokio::test]
async fn no_row_of_sqlite_is_lost_through_reloads_and_a_kill() {
    no_row_is_lost("sqlite", "SQLite").await;
}

#[tokio::test]
async fn no_row_of_lmdb_is_lost_through_reloads_and_a_kill() {
    no_row_is_lost("lmdb", "LMDB").await;
}

/// Pools of connections, as docs/plugins.md says.
#[tokio::test]
async fn no_row_of_a_pool_is_lost_through_reloads_and_a_kill() {
    no_row_is_lost("r2d2", "SQLite").await;
    no_row_is_lost("sqlx", "SQLite").await;
}

/// The blocks of docs/plugins.md that name a file are part of it.
#[test]
fn examples_in_the_docs_are_those_that_are_tested() {
    let read = |path: &str| fs::read_to_string(artifacts::workspace().join(path)).expect("a file");
    let docs = read("docs/plugins.md");
    let blocks = docs.split("```").skip(1).step_by(2);
    let named = blocks.filter_map(|block| block.strip_prefix("rust\n// ")?.split_once('\n'));
    let mut count = 0;
    for (path, example) in named {
        let source = read(path);
        for part in example.split("// …\n") {
            assert!(
                source.contains(part.trim_matches('\n')),
                "{path} has not:\n{part}"
            );
        }
        count += 1;
    }
    assert_eq!(count, 2);
}

async fn no_row_is_lost(engine: &str, shown: &str) {
    let plugin = format!("uses-{engine}");
    let manifest =
        format!("run = {{ plugin = \"{plugin}\", config = {{ file = \"rows.db\" }} }}\n");
    let Some((site, host, library)) = with_rows(engine, &manifest).await else {
        return;
    };
    let library = read(library);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(add_rows(host.address().to_owned(), Arc::clone(&stop)));
    let cause = format!("new code of `{plugin}`, which contains {shown}");
    let mut worker = host.worker();
    for number in 1..=3 {
        let next = patched(&library, &code(engine, 0), &code(engine, number));
        site.library(&plugin, &next);
        worker = renewed(&host, &cause).await;
        answers(&host, &code(engine, number)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let rows = 2 + writer.await.expect("each request was answered");
    kill_process(worker, Signal::KILL).expect("it serves");
    host.next_worker().await;
    let text = host.get("/").await.text();
    assert_eq!(text, format!("{} {rows}", code(engine, 3)));
}

#[tokio::test]
async fn directive_may_have_a_database_engine_reloaded_in_the_process() {
    let manifest = "[run]\nplugin = \"uses-sqlite\"\nreload = \"in-process\"\n\
                    config = { file = \"rows.db\" }\n";
    let Some((site, host, library)) = with_rows("sqlite", manifest).await else {
        return;
    };
    let next = patched(&read(library), &code("sqlite", 0), &code("sqlite", 1));
    site.library("uses-sqlite", &next);
    host.reload("swapped").await;
    no_renewal(&host);
    assert!(host.get("/").await.text().starts_with(&code("sqlite", 1)));
}

#[tokio::test]
async fn different_plugins_with_the_same_engine_are_warned_of() {
    let Some(library) = artifacts::real_crate("uses-sqlite") else {
        return;
    };
    let manifest = "run = { plugin = \"uses-sqlite\", config = { file = \"a.db\" } }\n\
                    [[map]]\npath = \"/other\"\n\
                    run = { plugin = \"other\", config = { file = \"b.db\" } }\n";
    let site = site(manifest, "uses-sqlite", library);
    let other = patched(&read(library), &code("sqlite", 0), &code("sqlite", 1));
    site.library("other", &other);
    let said = site.stackup(&["check"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let warning = "`other` and `uses-sqlite` both contain SQLite";
    assert!(said.stderr.contains(warning), "{said:?}");
}

#[tokio::test]
async fn inspect_says_which_engine_a_library_contains() {
    for (engine, shown) in [("sqlite", "SQLite"), ("lmdb", "LMDB")] {
        let Some(library) = artifacts::real_crate(&format!("uses-{engine}")) else {
            return;
        };
        let site = site("", &format!("uses-{engine}"), library);
        let file = format!("plugins/libuses_{engine}.so");
        let said = site.stackup(&["inspect", &file]).await;
        let line = format!("contains    {shown}: ");
        assert!(said.stdout.contains(&line), "{said:?}");
    }
}
