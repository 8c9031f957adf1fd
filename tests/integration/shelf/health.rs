//! `health`.

use super::serve_site;

const MANIFEST: &str = r#"
run = "health"
[[map]]
path = "/json"
run  = { plugin = "health", config = { format = "json" } }
"#;

#[tokio::test]
async fn health_answers_get_and_head_only() {
    let (_site, host) = serve_site(MANIFEST, &["health"]).await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/").await.text(), "ok\n");
    let json = connection.get("/json").await;
    assert_eq!(json.text(), r#"{"status":"ok","generation":1}"#);
    connection
        .send("HEAD / HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("3"))
    );
    // No body precedes it.
    let posted = connection.post("/", b"").await;
    assert_eq!(
        (posted.status(), posted.header("allow")),
        (405, Some("GET, HEAD"))
    );
}
