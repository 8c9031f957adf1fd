//! Request bodies that no handler reads: the response arrives all the same.

use stackup_tests::http::Connection;
use stackup_tests::{Host, Site};

/// More than the buffers of both sockets hold.
const LONG: usize = 16 << 20;

async fn answers(lines: &str) -> (Site, Host) {
    let site = Site::new(&format!("run = \"answers\"\n{lines}"), &["answers"]);
    let host = Host::start(&site).await;
    (site, host)
}

fn head(version: &str, length: usize) -> String {
    format!("POST / {version}\r\nhost: test\r\ncontent-length: {length}\r\n\r\n")
}

/// Sends what is missing after the response, and ends.
async fn send_rest(connection: &mut Connection, rest: &[u8]) {
    let sent = connection.try_send(rest).await;
    sent.expect("the host reads on, and does not reset the connection");
}

#[tokio::test]
async fn long_unread_body_closes_the_connection_gracefully() {
    let (_site, host) = answers("[limits]\nbody_bytes = \"64MiB\"\n").await;
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let mut connection = host.connect().await;
        connection.send(head(version, LONG)).await;
        let response = connection.response().await;
        assert_eq!(response.status(), 200);
        if version == "HTTP/1.1" {
            assert_eq!(response.header("connection"), Some("close"));
        }
        assert!(connection.closes().await, "its half, at once");
        send_rest(&mut connection, &vec![b'x'; LONG]).await;
    }
}

#[tokio::test]
async fn client_that_sends_all_before_it_reads_gets_the_response() {
    let (_site, host) = answers("[limits]\nbody_bytes = \"64MiB\"\n").await;
    let mut connection = host.connect().await;
    connection.send(head("HTTP/1.1", LONG)).await;
    send_rest(&mut connection, &vec![b'x'; LONG]).await;
    assert_eq!(connection.response().await.status(), 200);
}

#[tokio::test]
async fn unread_chunked_body_closes_the_connection_gracefully() {
    let (_site, host) = answers("[limits]\nbody_bytes = \"64MiB\"\n").await;
    let mut connection = host.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.send(head).await;
    let response = connection.response().await;
    assert_eq!(response.header("connection"), Some("close"));
    assert!(connection.closes().await);
    let mut chunk = format!("{LONG:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + LONG, b'x');
    send_rest(&mut connection, &chunk).await;
}

#[tokio::test]
async fn short_unread_body_keeps_the_connection() {
    let (_site, host) = answers("[limits]\nbody_bytes = \"64MiB\"\n").await;
    let mut connection = host.connect().await;
    for _ in 0..3 {
        connection.send(head("HTTP/1.1", 20_000)).await;
        let response = connection.response().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.header("connection"), None);
        connection.send(vec![b'x'; 20_000]).await;
    }
    assert_eq!(connection.get("/").await.status(), 200);
}

#[tokio::test]
async fn unwanted_continue_closes_the_connection_without_100() {
    let (_site, host) = answers("[limits]\nbody_bytes = \"64MiB\"\n").await;
    let mut connection = host.connect().await;
    let head =
        "POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 20000\r\n\r\n";
    connection.send(head).await;
    let response = connection.response().await;
    assert_eq!(response.status(), 200, "no interim response before it");
    assert_eq!(response.header("connection"), Some("close"));
    assert!(connection.closes().await);
    // A client may send the body all the same (RFC 9110 §10.1.1).
    send_rest(&mut connection, &[b'x'; 20_000]).await;
}

#[tokio::test]
async fn refused_body_gets_its_413_while_it_is_sent() {
    let (_site, host) = answers("[limits]\nbody_bytes = 10\n").await;
    let mut connection = host.connect().await;
    connection.send(head("HTTP/1.1", LONG)).await;
    send_rest(&mut connection, &vec![b'x'; LONG]).await;
    let response = connection.response().await;
    assert_eq!(response.status(), 413);
    assert_eq!(response.header("connection"), Some("close"));
}

#[tokio::test]
async fn oversized_head_gets_its_431_while_it_is_sent() {
    let (_site, host) = answers("[limits]\nheader_bytes = \"8KiB\"\n").await;
    let mut connection = host.connect().await;
    let head = format!("GET / HTTP/1.1\r\nx-long: {}\r\n\r\n", "y".repeat(LONG));
    send_rest(&mut connection, head.as_bytes()).await;
    assert_eq!(connection.head().await.status, 431);
}
