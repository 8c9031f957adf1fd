//! `lock`.

use stackup_tests::{Connection, Host, Site};

const ECHO: &str =
    "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n";

/// A stream that holds the lock.
async fn streaming(host: &Host) -> Connection {
    let mut connection = host.connect().await;
    connection.send(ECHO).await;
    assert_eq!(connection.head().await.status, 200);
    let chunk = connection.chunk().await;
    assert!(chunk.is_ok_and(|chunk| chunk == b"hi"));
    connection
}

/// Starts a request that the app logs when it receives it.
async fn start_request(host: &Host) -> Connection {
    let mut connection = host.connect().await;
    connection
        .send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    connection
}

#[tokio::test]
async fn lock_is_held_until_body_ends_or_client_leaves() {
    let manifest = "[[map]]\npath = \"/free\"\nrun = \"probe\"\n\
        [[map]]\npath = \"/\"\nrun = \"probe\"\n\
        use = [{ plugin = \"lock\", config = { name = \"all\" } }]\n";
    let site = Site::new(manifest, &["lock", "probe"]);
    let host = Host::start(&site).await;
    let waiting = |record: &stackup_tests::log::Record| record.message() == "probe: waiting";
    let mut stream = streaming(&host).await;
    let second = start_request(&host).await;
    // Other paths still respond, and no waiting request reached the app.
    for _ in 0..5 {
        assert_eq!(host.get("/free/").await.text(), "probe\n");
    }
    assert!(host.log().try_take(waiting).is_none());
    stream.send("0\r\n\r\n").await;
    assert_eq!(stream.chunk().await.unwrap(), b"");
    host.message("probe: waiting").await;
    // The next one waits for a client that disconnects.
    let third = start_request(&host).await;
    assert!(host.log().try_take(waiting).is_none());
    drop(second);
    host.message("probe: dropped the wait").await;
    host.message("probe: waiting").await;
    drop(third);
    // The next generation uses the same lock.
    host.message("probe: dropped the wait").await;
    let mut stream = streaming(&host).await;
    site.manifest(&format!("{manifest}[limits]\nheader_timeout = \"20s\"\n"));
    host.reload("swapped").await;
    let _fourth = start_request(&host).await;
    assert_eq!(host.get("/free/").await.text(), "probe\n");
    assert!(host.log().try_take(waiting).is_none());
    stream.send("0\r\n\r\n").await;
    host.message("probe: waiting").await;
}
