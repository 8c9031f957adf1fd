//! `limits` of a map: chosen before the stack, by host and path.

use stackup_tests::{Connection, Host, Site};

/// More than the buffers of both sockets hold.
const BIG: usize = 50_000_000;

const MAPS: &str = r#"
[[map]]
path = "/upload"
limits = { body_bytes = 20 }
run = "probe"

[[map]]
path = "/quick"
run = "probe"
  [map.limits]
  request_timeout = "50ms"
  body_timeout = "50ms"
  send_timeout = "50ms"
"#;

async fn serve(lines: &str) -> (Site, Host) {
    let manifest = format!("{lines}run = \"probe\"\n[limits]\nbody_bytes = 10\n{MAPS}");
    let site = Site::new(&manifest, &["probe", "rewrite"]);
    let host = Host::start(&site).await;
    (site, host)
}

/// The status of a request with a body of this length, which it declares, and the response.
async fn post(connection: &mut Connection, target: &str, length: usize) -> (u16, String) {
    let response = connection.post(target, "x".repeat(length).as_bytes()).await;
    (response.status(), response.text())
}

#[tokio::test]
async fn map_limits_bodies_of_its_own_requests() {
    let (_site, host) = serve("").await;
    for target in ["/upload/length", "/%75pload/length", "/a/../upload/length"] {
        let mut connection = host.connect().await;
        let taken = post(&mut connection, target, 20).await;
        assert_eq!(taken, (200, "20".to_owned()), "{target}");
        // Refused unread, by what it declares.
        assert_eq!(post(&mut connection, target, 21).await.0, 413, "{target}");
    }
    for target in ["/length", "/upload/../length", "/uploads/length"] {
        let mut connection = host.connect().await;
        assert_eq!(post(&mut connection, target, 11).await.0, 413, "{target}");
    }
    let mut streamed = host.connect().await;
    let head = "POST /upload/length HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    streamed.send(head).await;
    streamed.send("b\r\n0123456789a\r\n").await;
    streamed.send("b\r\n0123456789a\r\n").await;
    assert_eq!(streamed.head().await.status, 413);
}

#[tokio::test]
async fn map_limits_times_of_its_own_requests() {
    let (_site, host) = serve("").await;
    let mut connection = host.connect().await;
    let slow = "/sleep?ms=150";
    assert_eq!(connection.get(slow).await.status(), 200);
    assert_eq!(connection.get("/quick/wait").await.status(), 504);
    let finished = host.message("probe: finished /wait 504").await;
    let place = "`request_timeout` in `limits` of the map `/quick`";
    assert!(finished.message().contains(place), "{finished}");
    let mut silent = host.connect().await;
    silent
        .send("POST /quick/length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    assert_eq!(silent.response().await.status(), 408);
    let mut stalled = host.connect().await;
    // The limit is the request's, not the connection's.
    assert_eq!(stalled.get("/").await.status(), 200);
    let request = format!("GET /quick/big?bytes={BIG} HTTP/1.1\r\nhost: test\r\n\r\n");
    stalled.send(request).await;
    assert_eq!(stalled.head().await.status, 200);
    host.event("send-timeout").await;
    assert!(stalled.rest().await.len() < BIG, "the body is cut off");
}

#[tokio::test]
async fn rewrite_in_the_stack_does_not_change_limits() {
    let rule = "{ from = '^/old(/.*)', to = '/upload$1' }";
    let used = format!("use = [{{ plugin = \"rewrite\", config.rules = [{rule}] }}]\n");
    let (_site, host) = serve(&used).await;
    let mut connection = host.connect().await;
    let taken = post(&mut connection, "/old/length", 10).await;
    assert_eq!(taken, (200, "10".to_owned()));
    assert_eq!(post(&mut connection, "/old/length", 11).await.0, 413);
}

#[tokio::test]
async fn reload_of_limits_keeps_instances() {
    let (site, host) = serve("").await;
    let mut connection = host.connect().await;
    assert_eq!(post(&mut connection, "/upload/length", 30).await.0, 413);
    let manifest = format!("run = \"probe\"\n{MAPS}").replace("20", "30");
    site.manifest(&manifest);
    let swapped = host.reload("swapped").await;
    assert_eq!(swapped.text("instances"), "kept probe ×3");
    assert!(
        swapped.message().contains("~ map /upload (limits)"),
        "{swapped}"
    );
    let mut connection = host.connect().await;
    let taken = post(&mut connection, "/upload/length", 30).await;
    assert_eq!(taken, (200, "30".to_owned()));
    let shown = site.stackup(&["stack"]).await;
    let line = "map /upload  limits body_bytes 30 bytes";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);
}
