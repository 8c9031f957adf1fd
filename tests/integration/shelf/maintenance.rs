//! `maintenance`.

use std::fs;

use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
run = "hello"
[[use]]
plugin = "maintenance"
config = { file = "down", look_every = 0, page = "down.html", retry_after = 7, allow_paths = ["/health"] }
"#;

#[tokio::test]
async fn maintenance_file_toggles_site() {
    let site = Site::new(MANIFEST, &["maintenance", "hello"]);
    site.file("down.html", "<h1>Soon");
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/").await.status(), 200);
    let flag = site.file("down", "");
    let down = connection.get("/").await;
    assert_eq!((down.status(), &*down.text()), (503, "<h1>Soon"));
    assert_eq!(down.header("retry-after"), Some("7"));
    assert_eq!(down.header("content-type"), Some("text/html"));
    assert_eq!(connection.get("/health").await.status(), 200);
    fs::remove_file(flag).unwrap();
    assert_eq!(connection.get("/").await.text(), "Hello, World!\n");
}
