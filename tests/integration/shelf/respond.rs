//! `respond`.

use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
[[map]]
path = "/robots.txt"
run  = { plugin = "respond", config = { body = "Disallow: /\n" } }

[run]
plugin = "respond"
config = { status = 404, headers = { cache-control = "no-store" }, file = "lost.html" }
"#;

#[tokio::test]
async fn respond_answers_from_manifest_and_file() {
    let site = Site::new(MANIFEST, &["respond"]);
    site.file("lost.html", "<h1>Lost");
    let host = Host::start(&site).await;
    let robots = host.get("/robots.txt").await;
    assert_eq!((robots.status(), &*robots.text()), (200, "Disallow: /\n"));
    let lost = host.get("/other").await;
    assert_eq!((lost.status(), &*lost.text()), (404, "<h1>Lost"));
    assert_eq!(lost.header("content-type"), Some("text/html"));
    assert_eq!(lost.header("content-length"), Some("8"));
    assert_eq!(lost.header("cache-control"), Some("no-store"));
}
