//! What the recipes keep over reloads under load.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::Signal;
use stackup_tests::{Connection, Host, Site, within};

use super::{library, site};

/// Puts new code of a recipe into the site: the same, with another byte at its end.
fn new_code(site: &Site, recipe: &str, number: u8) {
    let mut code = library(recipe).expect("it is built");
    code.push(number);
    site.library(recipe, &code);
}

async fn post(address: &str, path: &str, body: &str) -> u16 {
    let mut connection = Connection::tcp(address).await;
    connection.post(path, body.as_bytes()).await.status()
}

/// Publishes 1, 2, 3, … one after another; returns how many.
async fn publish(address: String, stop: Arc<AtomicBool>) -> u64 {
    let mut next = 1;
    while !stop.load(Ordering::SeqCst) {
        match post(&address, "/events", &next.to_string()).await {
            204 => next += 1,
            // It has just given its events to the next instance.
            503 => {}
            status => panic!("status {status}"),
        }
    }
    next - 1
}

/// Listens as a browser does, until `last` is there. Returns what came, and how often it has connected.
async fn listen(address: String, last: Arc<AtomicU64>) -> (Vec<u64>, usize) {
    let (mut seen, mut streams) = (Vec::new(), 0);
    while seen.last().copied().unwrap_or(0) < last.load(Ordering::SeqCst) {
        let mut stream = Connection::tcp(&address).await;
        let id = seen.last().copied().unwrap_or(0);
        let head = format!("GET /events HTTP/1.1\r\nhost: test\r\nlast-event-id: {id}\r\n\r\n");
        stream.send(head).await;
        assert_eq!(stream.head().await.status, 200);
        streams += 1;
        // It ends as it should, not by a connection that is cut.
        loop {
            let events = stream.chunk().await.expect("a whole stream");
            let events = String::from_utf8(events).expect("text");
            let data = events
                .lines()
                .filter_map(|line| line.strip_prefix("data: "));
            seen.extend(data.map(|number| number.parse::<u64>().expect("a number")));
            if events.is_empty() || seen.last() == Some(&last.load(Ordering::SeqCst)) {
                break;
            }
        }
    }
    (seen, streams)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_miss_no_event_of_a_site_that_is_reloaded() {
    let Some(site) = site(&[]) else { return };
    let host = Host::start(&site).await;
    let stop = Arc::new(AtomicBool::new(false));
    let last = Arc::new(AtomicU64::new(u64::MAX));
    let address = || host.address().to_owned();
    let publisher = tokio::spawn(publish(address(), Arc::clone(&stop)));
    let listener = tokio::spawn(listen(address(), Arc::clone(&last)));
    for swap in 0..5 {
        new_code(&site, "events", swap);
        host.reload("swapped").await;
        // Not at the drain deadline.
        host.event("drained").await;
    }
    stop.store(true, Ordering::SeqCst);
    let count = publisher.await.expect("a count");
    last.store(count + 1, Ordering::SeqCst);
    let all = async {
        assert_eq!(
            post(host.address(), "/events", &(count + 1).to_string()).await,
            204
        );
        listener.await.expect("numbers")
    };
    let (seen, streams) = within("the last event", all).await;
    let expected: Vec<u64> = (1..=count + 1).collect();
    assert!(seen == expected, "{count} published: {seen:?}");
    assert!(streams >= 6, "{streams} streams");
    let deadline = |record: &stackup_tests::log::Record| record.event() == "drain-deadline";
    assert!(host.log().try_take(deadline).is_none(), "{}", host.log());
}

#[tokio::test]
async fn limiter_counts_on_over_new_code() {
    let Some(site) = site(&[("requests = 100", "requests = 5")]) else {
        return;
    };
    let host = Host::start(&site).await;
    let mut statuses = Vec::new();
    for request in 0..7 {
        if request == 3 {
            new_code(&site, "limiter", 0);
            host.reload("swapped").await;
        }
        let response = host.get("/api/books").await;
        statuses.push(response.status());
        if response.status() == 429 {
            assert_eq!(response.header("retry-after"), Some("60"));
        }
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn job_runs_once_in_each_period_whatever_is_reloaded() {
    let Some(site) = site(&[("every_seconds = 60", "every_seconds = 3")]) else {
        return;
    };
    let host = Host::start(&site).await;
    let mut periods = BTreeSet::new();
    let mut swap = 0;
    // A slow machine needs more periods, a fast one more reloads.
    while periods.len() < 2 || swap < 8 {
        new_code(&site, "cleaner", swap);
        host.reload("swapped").await;
        swap += 1;
        let cleaned = |record: &stackup_tests::log::Record| record.message() == "cleaned";
        while let Some(record) = host.log().try_take(cleaned) {
            let period = record.text("period").to_owned();
            assert!(!period.is_empty(), "{record}");
            assert!(periods.insert(period), "twice: {record}\n{}", host.log());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_are_kept_and_their_pool_is_closed() {
    let add = "POST /notes HTTP/1.1\r\nhost: test\r\ncontent-length: 7\r\n\r\nbuy tea";
    rows_are_kept("notes", "notes.db", add, async |host, written| {
        assert_eq!(
            host.get("/notes").await.text(),
            format!("{written} notes\n")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_of_the_axum_app_are_kept_and_its_pool_is_closed() {
    let add = "POST /api/books HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
               content-length: 6\r\n\r\n\"Emma\"";
    rows_are_kept("axum-app", "books.db", add, async |host, written| {
        let books = host.get("/api/books").await.text();
        assert_eq!(books.matches("Emma").count() as u64, written, "{books}");
    })
    .await;
}

/// Sends `add` over and over while the code of a recipe with SQLite is replaced. Then `check` gets the number of its successes.
async fn rows_are_kept(
    recipe: &str,
    file: &str,
    add: &'static str,
    check: impl AsyncFn(&Host, u64),
) {
    let Some(site) = site(&[("requests = 100", "requests = 1000000")]) else {
        return;
    };
    let mut host = Host::start(&site).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (address, stopped) = (host.address().to_owned(), Arc::clone(&stop));
    let writer = tokio::spawn(async move {
        let mut written = 0;
        while !stopped.load(Ordering::SeqCst) {
            let mut connection = Connection::tcp(&address).await;
            connection.send(add).await;
            let response = connection.response().await;
            assert!(matches!(response.status(), 200 | 201), "{response}");
            written += 1;
        }
        written
    });
    for swap in 0..2 {
        // It contains SQLite, of which a process must not have two copies: a fresh worker takes over.
        new_code(&site, recipe, swap);
        host.next_worker().await.expect("a worker");
    }
    stop.store(true, Ordering::SeqCst);
    check(&host, writer.await.expect("a count")).await;
    assert!(site.path().join(format!("{file}-wal")).exists());
    host.signal(Signal::TERM);
    host.exited().await;
    // The last connection that is closed removes it.
    let left: Vec<_> = fs::read_dir(site.path())
        .expect("the site")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(file))
        .collect();
    assert_eq!(left, [file]);
}
