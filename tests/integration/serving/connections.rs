//! Requests on one connection.

use stackup_tests::{Host, Site};

use super::probe;

#[tokio::test]
async fn keepalive_connection_serves_requests_in_turn() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    for _ in 0..3 {
        let response = connection.get("/").await;
        assert_eq!(response.text(), "probe\n");
        assert_eq!(response.header("x-stackup-generation"), Some("1"));
        assert!(response.header("date").is_some(), "RFC 9110 §6.6.1");
    }
}

#[tokio::test]
async fn connection_close_is_honoured() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    connection
        .send("GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        .await;
    let response = connection.response().await;
    assert_eq!(response.header("connection"), Some("close"));
    assert!(connection.closes().await);
}

#[tokio::test]
async fn http_1_0_gets_unchunked_body_and_close() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    connection
        .send("GET /chunks?count=2 HTTP/1.0\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("transfer-encoding"), None);
    assert_eq!(connection.rest().await, b"chunk 0\nchunk 1\n");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    // The first is the slowest.
    let targets = ["/sleep?ms=30", "/chunks?count=2", "/"];
    let requests = targets.map(|target| format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
    connection.send(requests.concat()).await;
    for text in ["slept\n", "chunk 0\nchunk 1\n", "probe\n"] {
        assert_eq!(connection.response().await.text(), text);
    }
}

#[tokio::test]
async fn head_has_headers_of_get_and_no_body() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    for target in ["/big?bytes=5000", "/chunks?count=3"] {
        connection
            .send(format!("HEAD {target} HTTP/1.1\r\nhost: test\r\n\r\n"))
            .await;
        let head = connection.head().await;
        assert_eq!(head.status, 200);
        if target.starts_with("/big") {
            assert_eq!(head.header("content-length"), Some("5000"));
        }
        // A body would stand where the next head is read.
        assert_eq!(connection.get("/").await.text(), "probe\n");
    }
}

#[tokio::test]
async fn map_moves_path_and_miss_is_404() {
    let manifest = "[[map]]\npath = \"/a\"\nrun = \"probe\"\n\n\
                    [[map]]\npath = \"/a/b\"\nrun = \"hello\"\n";
    let site = Site::new(manifest, &["probe", "hello"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/a/where").await.text(), "GET [/a] [/where] tcp\n");
    assert_eq!(host.get("/a/b").await.text(), "Hello, World!\n");
    for miss in ["/", "/ab", "/b"] {
        let response = host.get(miss).await;
        assert_eq!(response.status(), 404, "{miss}");
        assert_eq!(response.header("x-cascade"), Some("pass"));
    }
}

#[tokio::test]
async fn malformed_request_gets_400_and_close() {
    let (_site, host) = probe("").await;
    let two_lengths = "POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\
                       content-length: 2\r\n\r\nxx";
    for nonsense in [
        "\0\0\0\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        two_lengths,
    ] {
        let mut connection = host.connect().await;
        connection.send(nonsense).await;
        assert_eq!(connection.head().await.status, 400, "{nonsense:?}");
        assert!(connection.closes().await, "{nonsense:?}");
    }
    assert_eq!(host.get("/").await.text(), "probe\n");
}

/// A reset would take the response with it (RFC 9112 §9.6).
#[tokio::test]
async fn requests_after_connection_close_do_not_reset_the_response() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    let one = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";
    let last = "GET /big?bytes=1000000 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    connection
        .send(format!("{last}{}", one.repeat(20_000)))
        .await;
    let response = connection.response().await;
    assert_eq!(response.body.len(), 1_000_000);
    assert!(connection.closes().await, "no other request is answered");
    let more = connection.try_send(one.repeat(20_000).as_bytes()).await;
    more.expect("the host reads on, and does not reset the connection");
}
