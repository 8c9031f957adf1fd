//! Draining generations: the log names what holds one, and then it is aborted.

use stackup_tests::{Host, Site};

/// `app` with a drain of 100 ms.
fn manifest(app: &str) -> String {
    format!("run = \"{app}\"\n[limits]\ndrain_timeout = \"100ms\"\n")
}

async fn serving(app: &str) -> (Site, Host) {
    let site = Site::new(&manifest(app), &[app, "hello"]);
    let host = Host::start(&site).await;
    (site, host)
}

#[tokio::test]
async fn deadline_names_aborted_requests_and_tasks() {
    let (site, host) = serving("probe").await;
    assert_eq!(host.get("/task").await.status(), 202);
    host.message("probe: a task waits").await;
    let mut half = host.connect().await;
    half.send("POST /length?secret=1 HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    host.message("probe: reading").await;
    let mut left = host.connect().await;
    left.send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.message("probe: waiting").await;
    drop(left);
    host.message("probe: dropped the wait").await;
    site.manifest(&manifest("hello"));
    host.reload("swapped").await;
    let deadline = host.event("drain-deadline").await;
    let held_by = deadline.text("held_by");
    let lines: Vec<&str> = held_by.lines().collect();
    assert_eq!(
        lines.len(),
        2,
        "disconnected clients are not listed: {held_by}"
    );
    assert!(
        lines[0].starts_with("POST /length in `probe`, waiting for "),
        "{held_by}"
    );
    assert!(
        lines[1].starts_with("task `waits forever` of `probe`, running for "),
        "{held_by}"
    );
    assert!(
        deadline
            .message()
            .contains(&format!("\n  {}\n  {}", lines[0], lines[1])),
        "{deadline}"
    );
    assert_eq!(half.response().await.status(), 503);
    let drained = host.event("drained").await;
    assert_eq!(drained.text("tasks_ended"), "probe: waits forever");
}

#[tokio::test]
async fn deadline_names_response_in_progress() {
    let (site, host) = serving("lies").await;
    let mut connection = host.connect().await;
    connection
        .send("GET /never-ends HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(connection.chunk().await.unwrap(), b"more to come\n");
    site.manifest(&manifest("hello"));
    host.reload("swapped").await;
    let deadline = host.event("drain-deadline").await;
    let held_by = deadline.text("held_by");
    assert!(held_by.starts_with("GET /never-ends"), "{held_by}");
    assert!(held_by.contains(", sending its body for "), "{held_by}");
    assert!(
        connection.chunk().await.is_err(),
        "the body must be cut off, not ended"
    );
    let drained = host.event("drained").await;
    assert_eq!(drained.number("generation"), Some(1));
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
}

#[tokio::test]
async fn stalled_client_does_not_hold_generation() {
    let (site, host) = serving("probe").await;
    let mut stalled = host.connect().await;
    // More than all buffers hold, and the client reads nothing.
    stalled
        .send("GET /flood?count=100000000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(stalled.head().await.status, 200);
    site.manifest(&manifest("hello"));
    host.reload("swapped").await;
    let deadline = host.event("drain-deadline").await;
    let held_by = deadline.text("held_by");
    assert!(held_by.starts_with("GET /flood"), "{held_by}");
    let drained = host.event("drained").await;
    assert_eq!(drained.number("generation"), Some(1), "{drained}");
    host.message("probe: dropped the app").await;
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
}

/// hyper has the whole body at once, and drops it.
#[tokio::test]
async fn unread_body_of_one_frame_holds_generation_until_its_deadline() {
    let (site, host) = serving("probe").await;
    let mut stalled = host.connect().await;
    stalled
        .send("GET /big?bytes=50000000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(stalled.head().await.status, 200);
    let waits = "GET /big is sending its body";
    stackup_tests::within("the status", async {
        while !site.stackup(&["status"]).await.stdout.contains(waits) {}
    })
    .await;
    site.manifest(&manifest("hello"));
    host.reload("swapped").await;
    let deadline = host.event("drain-deadline").await;
    let held_by = deadline.text("held_by");
    assert!(
        held_by.starts_with("GET /big, sending its body"),
        "{held_by}"
    );
    host.event("drained").await;
    assert!(stalled.rest().await.len() < 50_000_000, "it is cut off");
}

#[tokio::test]
async fn large_body_that_is_read_holds_nothing() {
    let (site, host) = serving("probe").await;
    let mut reads = host.connect().await;
    assert_eq!(
        reads.get("/big?bytes=50000000").await.body.len(),
        50_000_000
    );
    site.manifest(&manifest("hello"));
    host.reload("swapped").await;
    let drained = host.event("drained").await;
    assert_eq!(drained.number("generation"), Some(1));
    let aborted = |record: &stackup_tests::log::Record| record.event() == "drain-deadline";
    assert!(host.log().try_take(aborted).is_none());
}

#[tokio::test]
async fn blocked_request_is_named_and_its_handlers_are_leaked() {
    let (site, host) = serving("probe").await;
    let mut connection = host.connect().await;
    connection
        .send("GET /block HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    host.message("probe: blocking").await;
    site.manifest(&manifest("hello"));
    host.reload("swapped").await;
    host.event("drain-deadline").await;
    let stuck = host.event("drain-stuck").await;
    assert_eq!(stuck.text("handler"), "probe", "{stuck}");
    assert!(stuck.message().contains("in `probe`"), "{stuck}");
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
    assert!(!host.log().to_string().contains("probe: dropped the app"));
}
