//! `timeout`.

use stackup_tests::{Host, Site};

#[tokio::test]
async fn timeout_cancels_work_and_answers_client() {
    let layer = "{ plugin = \"timeout\", config = { seconds = 0.5, status = 503 } }";
    let manifest = format!("use = [{layer}]\nrun = \"probe\"\n");
    let site = Site::new(&manifest, &["timeout", "probe"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/wait").await.status(), 503);
    host.message("probe: dropped the wait").await;
    assert_eq!(connection.get("/").await.text(), "probe\n");
    // 60 pauses of 10 ms: a stream may take longer than the timeout.
    assert_eq!(connection.get("/chunks?count=60").await.text().len(), 530);
}
