//! Request and response bodies, frame by frame.

use stackup_tests::{Host, Site};

use super::probe;

const UPLOAD: &str = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn chunk_passes_before_rest_arrives() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    connection.send(UPLOAD).await;
    connection.send("5\r\nfirst\r\n").await;
    assert_eq!(connection.head().await.status, 200);
    // Each comes back before the next is sent: nothing buffers the body.
    assert_eq!(connection.chunk().await.unwrap(), b"first");
    connection.send("6\r\nsecond\r\n").await;
    assert_eq!(connection.chunk().await.unwrap(), b"second");
    connection.send("0\r\n\r\n").await;
    assert_eq!(connection.chunk().await.unwrap(), b"");
    assert!(connection.trailers().await.unwrap().is_empty());
    assert_eq!(connection.get("/").await.text(), "probe\n");
}

#[tokio::test]
async fn large_bodies_arrive_whole_both_ways() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    let big = connection.get("/big?bytes=3000000").await;
    assert_eq!(big.header("content-length"), Some("3000000"));
    assert!(big.body.iter().all(|byte| *byte == b'x'));
    let length = connection.post("/length", &vec![b'u'; 3_000_000]).await;
    assert_eq!(length.text(), "3000000");
}

#[tokio::test]
async fn trailers_reach_client_that_accepts_them() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    connection
        .send("GET /trailers HTTP/1.1\r\nhost: test\r\nte: trailers\r\n\r\n")
        .await;
    let response = connection.response().await;
    assert_eq!(response.text(), "before the trailers\n");
    let checksum = ("x-checksum".to_owned(), "abc".to_owned());
    assert_eq!(response.trailers, [checksum]);
    // Clients that do not accept trailers get none (RFC 9110 §6.5.1).
    let response = connection.get("/trailers").await;
    assert!(response.trailers.is_empty(), "{:?}", response.trailers);
}

#[tokio::test]
async fn expect_100_is_answered_when_app_reads() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    connection
        .send("POST /length HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        .await;
    assert_eq!(connection.head().await.status, 100);
    connection.send("body").await;
    assert_eq!(connection.response().await.text(), "4");
}

#[tokio::test]
async fn expect_100_gets_final_answer_when_app_does_not_read() {
    let (_site, host) = probe("").await;
    let mut connection = host.connect().await;
    connection
        .send("POST /ignore HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        .await;
    let response = connection.response().await;
    assert_eq!((response.status(), &*response.text()), (200, "ignored\n"));
}

#[tokio::test]
async fn slow_reader_applies_back_pressure() {
    const CHUNKS: u64 = 2000;
    let (_site, host) = probe("").await;
    let mut reader = host.connect().await;
    // 125 MiB, of which the sockets buffer a few.
    reader
        .send(format!(
            "GET /flood?count={CHUNKS} HTTP/1.1\r\nhost: test\r\n\r\n"
        ))
        .await;
    assert_eq!(reader.head().await.status, 200);
    let mut watcher = host.connect().await;
    let (mut before, mut still) = (0, 0);
    // A producer without back-pressure goes on while other requests are served.
    while still < 100 {
        let sent: u64 = watcher.get("/sent").await.text().parse().unwrap();
        still = if sent == before { still + 1 } else { 0 };
        before = sent;
        assert!(
            sent < CHUNKS,
            "all {sent} chunks are sent, but the client has read none"
        );
    }
    let mut read = 0;
    loop {
        let chunk = reader.chunk().await.unwrap();
        if chunk.is_empty() {
            break;
        }
        read += chunk.len() as u64;
    }
    assert_eq!(read, CHUNKS * 64 * 1024);
    host.message("probe: the flood is over").await;
}

#[tokio::test]
async fn what_comes_before_a_failure_is_sent() {
    let site = Site::new("run = \"answers\"\n", &["answers"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    // All of it is there at once.
    connection
        .send("GET /?stream=one&stream=two&break=now HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(connection.chunk().await.expect("the first"), b"one");
    assert_eq!(connection.chunk().await.expect("the second"), b"two");
    connection.chunk().await.expect_err("no end of chunks");
    host.message("a response's body failed: now").await;
}
