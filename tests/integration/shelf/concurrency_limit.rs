//! `concurrency-limit`.

use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
use = [{ plugin = "concurrency-limit", config = { limit = 1, queue = 1, wait = 60000, retry_after = 9 } }]
run = "probe"
"#;

const ECHO: &str =
    "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n";

#[tokio::test]
async fn one_request_runs_one_waits_and_another_gets_503() {
    let site = Site::new(MANIFEST, &["concurrency-limit", "probe"]);
    let host = Host::start(&site).await;
    let mut stream = host.connect().await;
    stream.send(ECHO).await;
    assert_eq!(stream.head().await.status, 200);
    let (mut one, mut other) = (host.connect().await, host.connect().await);
    for connection in [&mut one, &mut other] {
        connection
            .send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            .await;
    }
    // Either may be the first to arrive.
    let (refused, waiting) = tokio::select! {
        response = one.response() => (response, &mut other),
        response = other.response() => (response, &mut one),
    };
    assert_eq!(refused.status(), 503, "{refused}");
    assert_eq!(refused.header("retry-after"), Some("9"));
    stream.send("0\r\n\r\n").await;
    assert_eq!(waiting.response().await.text(), "probe\n");
}
