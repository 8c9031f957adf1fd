//! `content-length`.

use stackup_tests::{Host, Site};

use super::serve;

#[tokio::test]
async fn layers_above_see_content_length() {
    // The logger writes what the header says, before the server has sent anything.
    let layers = "\"logger\", \"content-length\"";
    let (_site, host) = serve(layers, &["logger", "content-length"]).await;
    let response = host.get("/?bytes=70000").await;
    assert_eq!(response.header("content-length"), Some("70000"));
    host.message("\" 200 70000 ").await;
}

#[tokio::test]
async fn streaming_body_stays_streaming() {
    let manifest = "use = [\"content-length\"]\nrun = \"probe\"\n";
    let site = Site::new(manifest, &["content-length", "probe"]);
    let host = Host::start(&site).await;
    let response = host.get("/chunks?count=3").await;
    assert_eq!(response.header("content-length"), None);
    assert_eq!(response.header("transfer-encoding"), Some("chunked"));
    assert_eq!(response.text().len(), 24);
}
