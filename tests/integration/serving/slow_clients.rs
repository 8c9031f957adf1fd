//! `[limits] send_timeout` and `body_timeout`: both count while the client lets the host wait, and only then.

use stackup_tests::{Host, Site};

use super::probe;

/// More than the buffers of both sockets hold, in one frame.
const BIG: usize = 50_000_000;

async fn closed(site: &Site, key: &str) -> Option<u64> {
    let said = site.stackup(&["status", "--json"]).await;
    let status: serde_json::Value = serde_json::from_str(&said.stdout).unwrap_or_default();
    status["workers"][0]["status"]["connections"][key].as_u64()
}

#[tokio::test]
async fn client_that_takes_nothing_is_closed_by_send_timeout() {
    let (site, host) = probe("[limits]\nsend_timeout = \"100ms\"\n").await;
    for target in [
        format!("/big?bytes={BIG}"),
        "/flood?count=100000000".to_owned(),
    ] {
        let mut stalled = host.connect().await;
        let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
        stalled.send(request).await;
        assert_eq!(stalled.head().await.status, 200);
        if target.starts_with("/flood") {
            let finished = host.message("probe: finished /flood 200").await;
            let why = "took nothing for `[limits] send_timeout`";
            assert!(finished.message().contains(why), "{finished}");
        } else {
            host.event("send-timeout").await;
        }
        assert!(stalled.rest().await.len() < BIG, "the body is cut off");
    }
    assert_eq!(closed(&site, "closed_by_send_timeout").await, Some(2));
    let said = site.stackup(&["status"]).await;
    assert!(
        said.stdout.contains("2 by `send_timeout`"),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn slow_body_gets_408() {
    let (site, host) = probe("[limits]\nbody_timeout = \"100ms\"\n").await;
    for head in ["content-length: 8", "transfer-encoding: chunked"] {
        let mut slow = host.connect().await;
        slow.send(format!(
            "POST /length HTTP/1.1\r\nhost: test\r\n{head}\r\n\r\n4\r\n"
        ))
        .await;
        let response = slow.response().await;
        assert_eq!(response.status(), 408);
        assert_eq!(response.header("connection"), Some("close"));
        assert!(slow.closes().await);
    }
    host.event("body-timeout").await;
    assert_eq!(closed(&site, "closed_by_body_timeout").await, Some(2));
}

#[tokio::test]
async fn body_timeout_holds_once_the_response_has_begun() {
    let (_site, host) = probe("[limits]\nbody_timeout = \"100ms\"\n").await;
    let mut slow = host.connect().await;
    slow.send(
        "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    )
    .await;
    assert_eq!(slow.head().await.status, 200);
    assert_eq!(slow.chunk().await.unwrap(), b"half");
    assert!(
        slow.chunk().await.is_err(),
        "the response must be cut off, not ended"
    );
    host.event("body-timeout").await;
    let finished = host.message("probe: finished /echo 200").await;
    assert!(finished.message().contains("body_timeout"), "{finished}");
    let error = |record: &stackup_tests::log::Record| record.event() == "body-failed";
    assert!(host.log().try_take(error).is_none(), "it is the client's");
}

#[tokio::test]
async fn handler_that_takes_its_time_is_no_slow_client() {
    let (_site, host) = probe("[limits]\nsend_timeout = \"1ms\"\nbody_timeout = \"1ms\"\n").await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/sleep?ms=50").await.text(), "slept\n");
    let stream = connection.get("/chunks?count=5").await;
    assert_eq!(stream.text().lines().count(), 5, "as server-sent events");
    // A body that no handler reads is nobody's wait.
    connection
        .send("POST /sleep?ms=50 HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    assert_eq!(connection.response().await.status(), 200);
}

#[tokio::test]
async fn off_means_no_timeout() {
    let lines = "[limits]\nsend_timeout = \"off\"\nbody_timeout = \"off\"\n";
    let (_site, host) = probe(lines).await;
    assert_eq!(host.get("/big?bytes=1000000").await.body.len(), 1_000_000);
    let mut connection = host.connect().await;
    assert_eq!(connection.post("/length", b"12345").await.text(), "5");
}

#[tokio::test]
async fn client_that_sends_a_long_body_first_gets_a_long_response() {
    let (_site, host): (Site, Host) = probe("[limits]\nbody_bytes = \"64MiB\"\n").await;
    let mut connection = host.connect().await;
    let body = vec![b'x'; 16 << 20];
    let head = format!(
        "POST /flood?count=300 HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection.send(head).await;
    connection.send(body).await;
    assert_eq!(connection.response().await.body.len(), 300 * 64 * 1024);
}
