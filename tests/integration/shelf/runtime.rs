//! `runtime`.

use stackup_tests::{Host, Site};

#[tokio::test]
async fn runtime_header_excludes_body_time() {
    let layers = r#""runtime", { plugin = "runtime", config = { name = "App" } }"#;
    let manifest = format!("use = [{layers}]\nrun = \"probe\"\n");
    let site = Site::new(&manifest, &["runtime", "probe"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let slow = connection.get("/sleep?ms=30").await;
    let seconds = |header: Option<&str>| header.unwrap().parse::<f64>().unwrap();
    let (all, app) = (
        seconds(slow.header("x-runtime")),
        seconds(slow.header("x-runtime-app")),
    );
    assert!(0.03 <= app && app <= all, "{all} {app}");
    // The head, with its time, arrives before the body ends.
    connection
        .send("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        .await;
    assert!(connection.head().await.header("x-runtime").is_some());
}
