//! `body-limit`.

use stackup_tests::{Host, Site};

#[tokio::test]
async fn declared_length_over_limit_gets_413() {
    let layer = "{ plugin = \"body-limit\", config = { bytes = 10 } }";
    let manifest = format!("use = [{layer}]\nrun = \"probe\"\n");
    let site = Site::new(&manifest, &["body-limit", "probe"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    assert_eq!(connection.post("/length", b"0123456789").await.text(), "10");
    host.message("probe: reading").await;
    // Declared: the app is not called, and the client gets no 100.
    let mut waiting = host.connect().await;
    waiting
        .send("POST /length HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n")
        .await;
    assert_eq!(waiting.head().await.status, 413);
    let reading = |record: &stackup_tests::log::Record| record.message() == "probe: reading";
    assert!(host.log().try_take(reading).is_none());
    // Streamed: refused when it exceeds the limit, before the rest arrives.
    let mut streamed = host.connect().await;
    streamed
        .send("POST /length HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    streamed.send("6\r\n012345\r\n6\r\n678901\r\n").await;
    assert_eq!(streamed.head().await.status, 413);
}
