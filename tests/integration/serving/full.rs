//! At `[limits] connections`, connections that wait for their client make room; and no descriptors are left.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use stackup_tests::http::Connection;
use stackup_tests::{Host, Site, no_more_files};

use super::probe;

/// Two places, and no timeout that could free one.
const TWO: &str = "[limits]\nconnections = 2\nheader_timeout = \"off\"\nbody_timeout = \"off\"\nsend_timeout = \"off\"\n";

async fn connections(site: &Site) -> Value {
    let said = site.stackup(&["status", "--json"]).await;
    let status: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
    status["workers"][0]["status"]["connections"].clone()
}

/// Waits until so many connections wait in this way.
async fn waiting(site: &Site, key: &str, count: u64) {
    stackup_tests::within(key, async {
        while connections(site).await[key].as_u64() != Some(count) {}
    })
    .await;
}

async fn sending(host: &Host, bytes: &str) -> Connection {
    let mut connection = host.connect().await;
    connection.send(bytes).await;
    connection
}

#[tokio::test]
async fn longest_idle_connection_makes_room() {
    let (site, host) = probe(TWO).await;
    let mut first = host.connect().await;
    assert_eq!(first.get("/").await.status(), 200);
    // A client may have its response before the connection counts as idle.
    waiting(&site, "idle", 1).await;
    let mut second = host.connect().await;
    assert_eq!(second.get("/").await.status(), 200);
    waiting(&site, "idle", 2).await;
    let mut third = host.connect().await;
    assert_eq!(third.get("/").await.status(), 200);
    assert!(first.closes().await);
    let full = host.event("connections-full").await;
    assert!(full.message().contains("all 2 connections"), "{full}");
    // Its client goes on, and keeps its place.
    assert_eq!(second.get("/").await.status(), 200);
    let status = connections(&site).await;
    assert_eq!(status["limit"], 2);
    assert_eq!(status["open"], 2);
    assert_eq!(status["closed_for_room"], 1);
    let said = site.stackup(&["status"]).await;
    assert!(
        said.stdout.contains("2 of 2 connections") && said.stdout.contains("1 to make room"),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn silent_connections_and_slow_heads_make_room() {
    let (_site, host) = probe(TWO).await;
    let mut silent = host.connect().await;
    let mut slow = sending(&host, "GET / HTTP/1.1\r\nhost: te").await;
    assert_eq!(host.get("/").await.status(), 200);
    assert!(silent.closes().await, "the one that has waited longest");
    // Two more, so that it is the oldest.
    let (mut one, mut two) = (host.connect().await, host.connect().await);
    assert_eq!(one.get("/").await.status(), 200);
    assert!(slow.closes().await);
    assert_eq!(two.get("/").await.status(), 200);
}

#[tokio::test]
async fn slow_bodies_make_room() {
    let (site, host) = probe(TWO).await;
    let slow = "POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf";
    let mut first = sending(&host, slow).await;
    host.message("probe: reading").await;
    waiting(&site, "bodies", 1).await;
    let mut second = sending(&host, slow).await;
    host.message("probe: reading").await;
    assert_eq!(host.get("/").await.status(), 200);
    assert!(first.closes().await);
    second.send("half").await;
    assert_eq!(second.response().await.text(), "8");
}

#[tokio::test]
async fn clients_that_take_nothing_make_room() {
    let (_site, host) = probe(TWO).await;
    // First, so that it has waited for longer when the other one waits.
    let mut upload = sending(
        &host,
        "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    .await;
    assert_eq!(upload.head().await.status, 200);
    let flood = "GET /flood?count=100000000 HTTP/1.1\r\nhost: test\r\n\r\n";
    let mut stalled = sending(&host, flood).await;
    assert_eq!(stalled.head().await.status, 200);
    // The upload makes room first: bodies come before responses.
    assert_eq!(host.get("/").await.status(), 200);
    assert!(upload.closes().await);
    let _wait = sending(&host, "GET /wait HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.message("probe: waiting").await;
    assert_eq!(host.get("/").await.status(), 200);
    host.message("probe: the flood stopped").await;
}

#[tokio::test]
async fn working_handlers_keep_their_places() {
    let (site, host) = probe(TWO).await;
    let wait = "GET /wait HTTP/1.1\r\nhost: test\r\n\r\n";
    let (_first, second) = (sending(&host, wait).await, sending(&host, wait).await);
    host.message("probe: waiting").await;
    host.message("probe: waiting").await;
    let mut third = sending(
        &host,
        "POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    host.event("connections-full").await;
    let read = |record: &stackup_tests::log::Record| record.message() == "probe: reading";
    assert!(host.log().try_take(read).is_none(), "the third must wait");
    // Neither waits for its client.
    let status = connections(&site).await;
    for (key, count) in [
        ("open", 2),
        ("idle", 0),
        ("heads", 0),
        ("bodies", 0),
        ("sends", 0),
    ] {
        assert_eq!(status[key], count, "{key}");
    }
    drop(second);
    assert_eq!(third.response().await.text(), "0");
}

#[tokio::test]
async fn connection_that_waits_for_a_place_is_served_by_a_worker_that_retires() {
    let (site, host) = probe(TWO).await;
    let wait = "GET /wait HTTP/1.1\r\nhost: test\r\n\r\n";
    let (_first, _second) = (sending(&host, wait).await, sending(&host, wait).await);
    host.message("probe: waiting").await;
    host.message("probe: waiting").await;
    let mut third = sending(&host, "GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.event("connections-full").await;
    let restarted = site.stackup(&["restart"]).await;
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    let last = third.response().await;
    assert_eq!((last.status(), &*last.text()), (200, "probe\n"));
}

#[tokio::test]
async fn idle_connection_makes_room_for_a_descriptor() {
    let (site, host) = probe("[limits]\nheader_timeout = \"off\"\n").await;
    let mut idle = host.connect().await;
    assert_eq!(idle.get("/").await.status(), 200);
    waiting(&site, "idle", 1).await;
    no_more_files(host.worker());
    // It may close one that it needed for its start.
    let failed = |record: &stackup_tests::log::Record| record.event() == "accept-failed";
    let mut others = Vec::new();
    while host.log().try_take(failed).is_none() {
        let mut next = host.connect().await;
        assert_eq!(next.get("/").await.status(), 200);
        others.push(next);
    }
    assert!(idle.closes().await);
    // Nobody waits: the others keep their places, though there is no descriptor for another one.
    waiting(&site, "idle", others.len() as u64).await;
    for mut other in others {
        assert_eq!(other.get("/").await.status(), 200);
    }
}

#[tokio::test]
async fn out_of_descriptors_is_one_line_and_a_count() {
    let (site, host) = probe("").await;
    // Opens what is opened at the first request.
    assert_eq!(host.get("/").await.status(), 200);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(20_000),
    };
    let before = prlimit(Some(host.worker()), Resource::Nofile, none).unwrap();
    let mut waits = sending(&host, "GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let failed = host.event("accept-failed").await;
    assert!(failed.message().contains("os error 24"), "{failed}");
    // For a second it is tried again and again, and the log stays silent.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        let said = site.stackup(&["status"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    let again = |record: &stackup_tests::log::Record| record.event() == "accept-failed";
    assert!(host.log().try_take(again).is_none());
    prlimit(Some(host.worker()), Resource::Nofile, before).unwrap();
    assert_eq!(waits.response().await.status(), 200);
    // Ten quiet seconds later.
    let counted = host.event("accept-failed").await;
    let says = "connections are accepted again: ";
    assert!(counted.message().starts_with(says), "{counted}");
    // A pause follows each failure, and doubles: without it there are thousands.
    let count = counted.number("count").unwrap();
    assert!((2..200).contains(&count), "{counted}");
}
