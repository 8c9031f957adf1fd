//! A reload and a shutdown while connections have changed their protocol.

use stackup_tests::within;

use super::{echoes, manifest, open, serving};

#[tokio::test]
async fn connection_whose_handlers_are_kept_goes_on() {
    let (site, host) = serving("drain_timeout = \"0s\"\nupgrade_drain = \"0s\"").await;
    let mut connection = open(&host, "/echo").await;
    let more = manifest(
        "drain_timeout = \"0s\"\nupgrade_drain = \"0s\"\n[[map]]\npath = \"/more\"\nrun = \"hello\"",
    );
    site.manifest(&more);
    host.reload("swapped").await;
    host.event("drained").await;
    echoes(&mut connection, "still here").await;
    let status = site.stackup(&["status"]).await.stdout;
    assert!(status.contains("since generation 1"), "{status}");
}

#[tokio::test]
async fn replaced_handler_learns_of_its_deadline_and_can_say_good_bye() {
    let (site, host) = serving("drain_timeout = \"0s\"\nupgrade_drain = \"1h\"").await;
    let mut connection = open(&host, "/leaves").await;
    let mut other = open(&host, "/echo").await;
    site.manifest("run = \"hello\"");
    host.reload("swapped").await;
    assert_eq!(connection.rest().await, b"come again");
    // The deadline of requests has passed.
    echoes(&mut other, "not yet").await;
    let deadline = host
        .log()
        .try_take(|record| record.event() == "drain-deadline");
    assert!(deadline.is_none(), "it is not about them: {deadline:?}");
    let status = site.stackup(&["status"]).await.stdout;
    assert!(status.contains("generation 1 draining"), "{status}");
    assert!(status.contains("GET /echo has changed to echo"), "{status}");
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
    drop(other);
    host.event("drained").await;
}

#[tokio::test]
async fn deadline_names_and_ends_the_connections_that_are_left() {
    let (site, host) = serving("drain_timeout = \"1h\"\nupgrade_drain = \"100ms\"").await;
    let mut connection = open(&host, "/silent").await;
    host.message("upgrades: silent").await;
    site.manifest("run = \"hello\"");
    host.reload("swapped").await;
    let deadline = host.event("upgrade-deadline").await;
    let held_by = deadline.text("held_by");
    assert!(
        held_by.starts_with("GET /silent in `upgrades`, changed to echo (0 bytes"),
        "{held_by}"
    );
    assert!(connection.closes().await);
    host.message("upgrades: dropped").await;
    host.event("drained").await;
}

#[tokio::test]
async fn deadline_ends_a_connection_whose_client_takes_nothing() {
    let (site, host) = serving("drain_timeout = \"1h\"\nupgrade_drain = \"100ms\"").await;
    let _stalled = open(&host, "/flood").await;
    site.manifest("run = \"hello\"");
    host.reload("swapped").await;
    host.event("upgrade-deadline").await;
    host.event("drained").await;
}

#[tokio::test]
async fn shutdown_tells_the_handlers_first() {
    let (_site, mut host) = serving("").await;
    let mut connection = open(&host, "/leaves").await;
    host.signal(rustix::process::Signal::TERM);
    assert_eq!(connection.rest().await, b"come again");
    assert!(within("the exit", host.exited()).await.success());
}

#[tokio::test]
async fn shutdown_timeout_ends_a_connection_that_does_not_end() {
    let (_site, mut host) = serving("shutdown_timeout = \"100ms\"").await;
    let mut connection = open(&host, "/echo").await;
    echoes(&mut connection, "hello").await;
    host.signal(rustix::process::Signal::TERM);
    let cut = host.event("cut").await;
    assert_eq!(cut.number("cut"), Some(1), "{cut}");
    let held_by = cut.text("held_by");
    let named = "GET /echo in `upgrades`, changed to echo (5 bytes received, 5 sent) for ";
    assert!(held_by.starts_with(named), "{held_by}");
    assert!(connection.closes().await);
    host.exited().await;
}

#[tokio::test]
async fn retiring_worker_ends_requests_first_and_names_both() {
    let limits = "drain_timeout = \"50ms\"\nshutdown_timeout = \"50ms\"\nupgrade_drain = \"2s\"";
    let (site, host) = serving(limits).await;
    let mut connection = open(&host, "/echo").await;
    let mut stream = host.connect().await;
    stream
        .send("GET /endless HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(stream.head().await.status, 200);
    assert_eq!(stream.chunk().await.expect("a chunk"), b"endless\n");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let cut = host.event("cut").await;
    assert_eq!(cut.number("cut"), Some(1), "{cut}");
    let held_by = cut.text("held_by");
    assert!(held_by.starts_with("GET /endless"), "{held_by}");
    assert_eq!(held_by.lines().count(), 1, "{held_by}");
    assert!(stream.chunk().await.is_err(), "it is cut");
    echoes(&mut connection, "still here").await;
    let cut = host.event("cut").await;
    assert_eq!(cut.number("cut"), Some(1), "{cut}");
    let held_by = cut.text("held_by");
    assert!(
        held_by.starts_with("GET /echo in `upgrades`, changed to echo ("),
        "{held_by}"
    );
    assert_eq!(held_by.lines().count(), 1, "{held_by}");
    assert!(connection.closes().await);
}

#[tokio::test]
async fn status_lists_the_oldest_connections_and_counts_the_others() {
    let (site, host) = serving("").await;
    let mut open_ones = vec![open(&host, "/leaves").await];
    for _ in 0..21 {
        open_ones.push(open(&host, "/echo").await);
    }
    let status = site.stackup(&["status"]).await.stdout;
    assert!(
        status.contains("GET /leaves has changed to echo"),
        "the oldest: {status}"
    );
    assert_eq!(
        status.matches("has changed to echo").count(),
        20,
        "{status}"
    );
    assert!(
        status.contains("      and 2 more, changed to another protocol\n"),
        "{status}"
    );
    let json = site.stackup(&["status", "--json"]).await.stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let active = &json["workers"][0]["status"]["generations"]["active"];
    assert_eq!(
        active["requests"].as_array().map(Vec::len),
        Some(20),
        "{active}"
    );
    assert_eq!(active["more_requests"]["upgraded"], 2, "{active}");
}
