//! Limits on sizes, counts and times.

use super::probe;

#[tokio::test]
async fn too_many_headers_get_431() {
    let (_site, host) = probe("[limits]\nheader_count = 5\n").await;
    let mut connection = host.connect().await;
    let fields = |count: usize| -> String { (0..count).map(|n| format!("x-{n}: y\r\n")).collect() };
    connection
        .send(format!("GET / HTTP/1.1\r\nhost: test\r\n{}\r\n", fields(4)))
        .await;
    assert_eq!(connection.response().await.status(), 200);
    connection
        .send(format!("GET / HTTP/1.1\r\nhost: test\r\n{}\r\n", fields(5)))
        .await;
    assert_eq!(connection.head().await.status, 431);
    assert!(connection.closes().await);
}

#[tokio::test]
async fn oversized_head_gets_431() {
    let (_site, host) = probe("[limits]\nheader_bytes = \"8KiB\"\n").await;
    let mut connection = host.connect().await;
    let long = "y".repeat(16 * 1024);
    // The host may respond and close before everything is sent.
    let head = format!("GET / HTTP/1.1\r\nhost: test\r\nx-long: {long}\r\n\r\n");
    let _ = connection.try_send(head.as_bytes()).await;
    assert_eq!(connection.head().await.status, 431);
}

#[tokio::test]
async fn slow_head_gets_408() {
    let (_site, host) = probe("[limits]\nheader_timeout = \"100ms\"\n").await;
    let mut connection = host.connect().await;
    connection.send("GET / HTTP/1.1\r\nhost: te").await;
    let head = connection.head().await;
    assert_eq!(head.status, 408);
    assert_eq!(head.header("connection"), Some("close"));
    assert!(connection.closes().await);
    // A silent connection is closed without a response (RFC 9110 §15.5.9).
    let mut silent = host.connect().await;
    assert!(silent.closes().await);
}

#[tokio::test]
async fn oversized_body_gets_413() {
    let (_site, host) = probe("[limits]\nbody_bytes = 10\n").await;
    let mut connection = host.connect().await;
    assert_eq!(connection.post("/length", b"0123456789").await.text(), "10");
    // Declared: refused before it is read.
    connection
        .send("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 11\r\n\r\n")
        .await;
    let declared = connection.response().await;
    assert_eq!(declared.status(), 413);
    assert_eq!(declared.header("connection"), Some("close"));
    // Declared, with `expect`: refused without a 100.
    let mut waiting = host.connect().await;
    waiting
        .send("POST /length HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n")
        .await;
    assert_eq!(waiting.head().await.status, 413);
    // Streamed: refused when it exceeds the limit.
    let mut streamed = host.connect().await;
    streamed
        .send("POST /length HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    streamed.send("6\r\n012345\r\n6\r\n678901\r\n").await;
    assert_eq!(streamed.head().await.status, 413);
}

#[tokio::test]
async fn slow_answer_gets_504_and_is_cancelled() {
    let (_site, host) = probe("[limits]\nrequest_timeout = \"1s\"\n").await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/wait").await.status(), 504);
    host.message("probe: dropped the wait").await;
    host.message("probe: finished /wait 504").await;
    assert_eq!(connection.get("/").await.text(), "probe\n");
}
