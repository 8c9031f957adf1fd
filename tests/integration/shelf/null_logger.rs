//! `null-logger` above `logger`.

use stackup_tests::{Host, Site};

#[tokio::test]
async fn requests_below_null_logger_are_not_logged() {
    let manifest = "run = \"answers\"\n\
        [[map]]\npath = \"/health\"\nuse = [\"null-logger\", \"logger\"]\nrun = \"answers\"\n\
        [[map]]\npath = \"/app\"\nuse = [\"logger\"]\nrun = \"answers\"\n";
    let site = Site::new(manifest, &["null-logger", "logger", "answers"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/health/?body=ok").await.text(), "ok");
    assert_eq!(connection.get("/app/?body=ok").await.text(), "ok");
    // By now the line of the first would be there.
    host.message("\"GET /app/?body=ok HTTP/1.1\"").await;
    let line = |record: &stackup_tests::log::Record| record.message().contains("GET /health");
    assert!(host.log().try_take(line).is_none());
}
