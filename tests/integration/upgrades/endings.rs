//! How a connection ends that has changed its protocol.

use stackup_tests::within;

use super::{echoes, open, serving};

#[tokio::test]
async fn client_that_closes_its_direction_still_gets_the_rest() {
    let (_site, host) = serving("").await;
    let mut connection = open(&host, "/echo").await;
    echoes(&mut connection, "hello").await;
    connection.half_close().await;
    assert_eq!(connection.rest().await, b"bye");
}

#[tokio::test]
async fn handler_that_panics_costs_its_connection_only() {
    let (_site, host) = serving("").await;
    let mut other = open(&host, "/echo").await;
    let mut connection = open(&host, "/panics").await;
    connection.send("go on").await;
    assert_eq!(connection.rest().await, b"half of it");
    host.message("the handler of an upgrade panics").await;
    echoes(&mut other, "still here").await;
}

#[tokio::test]
async fn handler_that_fails_ends_its_connection_and_the_log_says_why() {
    let (_site, host) = serving("").await;
    let mut connection = open(&host, "/fails").await;
    connection.send("go on").await;
    assert_eq!(connection.rest().await, b"half of it");
    let failed = host.event("body-failed").await;
    assert!(failed.message().contains("the protocol fails"), "{failed}");
}

#[tokio::test]
async fn client_that_dies_while_it_gets_something_ends_the_handler() {
    let (site, host) = serving("").await;
    let mut connection = open(&host, "/flood").await;
    let _ = connection.part(1 << 20).await;
    drop(connection);
    within("the end", async {
        while site.stackup(&["status"]).await.stdout.contains("/flood") {}
    })
    .await;
}

#[tokio::test]
async fn stream_that_outlives_its_handler_has_no_socket() {
    let (_site, host) = serving("").await;
    let mut connection = open(&host, "/keeps").await;
    assert_eq!(connection.rest().await, b"bye");
    let kept = host.message("upgrades: kept: Err").await;
    assert!(kept.message().contains("broken off"), "{kept}");
}

#[tokio::test]
async fn handler_that_waits_is_dropped_when_its_client_takes_nothing() {
    let (_site, host) = serving("send_timeout = \"100ms\"").await;
    let _stalled = open(&host, "/stalls").await;
    host.message("upgrades: dropped").await;
}

#[tokio::test]
async fn changed_connection_does_not_make_room() {
    let (_site, host) = serving("connections = 2").await;
    let mut connection = open(&host, "/echo").await;
    echoes(&mut connection, "hello").await;
    // Younger, but it waits for its client.
    let mut idle = host.connect().await;
    assert_eq!(idle.get("/offers").await.status(), 200);
    assert_eq!(host.get("/offers").await.status(), 200, "the third one");
    assert!(idle.closes().await);
    echoes(&mut connection, "still here").await;
}

#[tokio::test]
async fn silent_connection_outlives_all_limits_of_requests() {
    let limits = "send_timeout = \"50ms\"\nbody_timeout = \"50ms\"\nrequest_timeout = \"50ms\"\nheader_timeout = \"50ms\"";
    let (site, host) = serving(limits).await;
    let mut connection = open(&host, "/echo").await;
    let mut slow = host.connect().await;
    // The limits have passed once they have ended another connection.
    slow.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(slow.response().await.status(), 408);
    echoes(&mut connection, "still here").await;
    let status = site.stackup(&["status"]).await.stdout;
    assert!(
        status.contains("GET /echo has changed to echo in `upgrades` for "),
        "{status}"
    );
    assert!(status.contains(", 10 bytes received, 10 sent"), "{status}");
}

#[tokio::test]
async fn client_that_takes_nothing_is_closed_by_send_timeout() {
    let (_site, host) = serving("send_timeout = \"100ms\"").await;
    let _stalled = open(&host, "/flood").await;
    host.message("its client took nothing").await;
}
