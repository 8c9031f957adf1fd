//! The end of requests and of the process.

use rustix::process::Signal;
use stackup_tests::Connection;

use super::probe;

/// Long timeouts, so that only the signal closes idle connections.
const PATIENT: &str = "[limits]\nheader_timeout = \"off\"\n";

#[tokio::test]
async fn disconnect_cancels_innermost_layer() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    connection
        .send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    host.message("probe: waiting").await;
    drop(connection);
    host.message("probe: dropped the wait").await;
    host.message("probe: finished /wait 0 0 [the client left")
        .await;
}

#[tokio::test]
async fn headers_of_an_error_reach_the_client() {
    let (_site, host) = probe("").await;
    let response = host.get("/unauthorized").await;
    assert_eq!(response.status(), 401, "{response}");
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    assert_eq!(response.text(), "401 Unauthorized\n");
}

#[tokio::test]
async fn disconnect_cancels_stream() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    connection
        .send("GET /flood?count=100000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(connection.head().await.status, 200);
    assert!(!connection.chunk().await.unwrap().is_empty());
    drop(connection);
    host.message("probe: the flood stopped after").await;
    host.message("probe: finished /flood 200").await;
}

#[tokio::test]
async fn hooks_run_after_last_byte() {
    let (_site, host) = probe("").await;
    assert_eq!(host.get("/chunks?count=3").await.text().len(), 24);
    host.message("probe: finished /chunks 200 24 []").await;
    assert_eq!(host.get("/big?bytes=7").await.body.len(), 7);
    host.message("probe: finished /big 200 7 []").await;
}

#[tokio::test]
async fn sigterm_finishes_requests_and_closes_idle_connections() {
    let (_site, mut host) = probe(PATIENT).await;
    let mut idle = host.connect().await;
    assert_eq!(idle.get("/").await.status(), 200);
    let mut busy = host.connect().await;
    busy.send("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    host.message("probe: reading").await;
    host.signal(Signal::TERM);
    host.event("stopping").await;
    assert!(idle.closes().await);
    busy.send("half").await;
    let last = busy.response().await;
    assert_eq!((last.status(), &*last.text()), (200, "8"));
    assert!(busy.closes().await);
    host.event("stopped").await;
    assert!(host.exited().await.success());
}

#[tokio::test]
async fn sigterm_refuses_new_connections() {
    let (_site, mut host) = probe(PATIENT).await;
    let mut busy = host.connect().await;
    busy.send("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    host.message("probe: reading").await;
    host.signal(Signal::TERM);
    // Connections that are made until the socket closes are closed with it.
    while let Ok(mut early) = Connection::try_tcp(host.address()).await {
        assert!(early.closes().await);
    }
    busy.send("half").await;
    assert_eq!(busy.response().await.text(), "8");
    assert!(host.exited().await.success());
}

#[tokio::test]
async fn shutdown_has_deadline() {
    let (_site, mut host) = probe("[limits]\nshutdown_timeout = \"100ms\"\n").await;
    let mut stuck = host.connect().await;
    stuck.send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.message("probe: waiting").await;
    host.signal(Signal::TERM);
    host.message("aborted at the deadline").await;
    host.event("stopped").await;
    assert!(host.exited().await.success());
    assert!(stuck.closes().await);
}

#[tokio::test]
async fn second_signal_ends_at_once() {
    let (_site, mut host) = probe("[limits]\nshutdown_timeout = \"1h\"\n").await;
    let mut stuck = host.connect().await;
    stuck.send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.message("probe: waiting").await;
    host.signal(Signal::TERM);
    host.event("stopping").await;
    host.signal(Signal::INT);
    assert!(host.exited().await.success());
}

#[tokio::test]
async fn shutdown_ends_tasks_and_drops_handlers() {
    let (_site, mut host) = probe("").await;
    assert_eq!(host.get("/task").await.status(), 202);
    host.message("probe: a task waits").await;
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    host.message("probe: dropped the task").await;
    host.message("probe: dropped the app").await;
}

#[tokio::test]
async fn sighup_builds_generation_and_retires_old() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/task").await.status(), 202);
    host.message("probe: a task waits").await;
    connection
        .send("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    host.message("probe: reading").await;
    host.signal(Signal::HUP);
    let reload = host.reload("swapped").await;
    assert_eq!(reload.number("generation"), Some(2));
    // The request in flight stays with its generation.
    connection.send("half").await;
    let old = connection.response().await;
    assert_eq!(old.header("x-stackup-generation"), Some("1"));
    let drained = host.event("drained").await;
    assert_eq!(drained.number("generation"), Some(1));
    assert!(
        drained.text("tasks_ended").contains("waits forever"),
        "{drained}"
    );
    host.message("probe: dropped the task").await;
    host.message("probe: dropped the app").await;
    // The same connection continues with the new generation.
    let new = connection.get("/").await;
    assert_eq!(new.header("x-stackup-generation"), Some("2"));
}
