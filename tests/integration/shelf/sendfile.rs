//! `sendfile`.

use std::fs;

use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
run = "files"
[[map]]
path = "/front"
run = "files"
  [[map.use]]
  plugin = "sendfile"
  config = { variation = "x-accel-redirect", mappings = { public = "/internal" } }
"#;

#[tokio::test]
async fn sendfile_replaces_file_only_below_middleware() {
    let site = Site::new(MANIFEST, &["files", "sendfile"]);
    fs::create_dir(site.path().join("public")).unwrap();
    site.file("public/a b.txt", "0123456789");
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let left = connection.get("/front/a%20b.txt").await;
    assert_eq!(
        (left.status(), left.header("content-length")),
        (200, Some("0"))
    );
    assert_eq!(left.header("x-accel-redirect"), Some("/internal/a%20b.txt"));
    assert_eq!(left.header("content-type"), Some("text/plain"));
    assert_eq!(left.header("x-stackup-file"), None);
    let asked = "host: test\r\nx-sendfile-type: x-accel-redirect\r\nx-accel-mapping: /=/\r\n";
    connection
        .send(format!("GET /a%20b.txt HTTP/1.1\r\n{asked}\r\n"))
        .await;
    let sent = connection.response().await;
    assert_eq!(sent.text(), "0123456789");
    assert_eq!(
        (
            sent.header("x-accel-redirect"),
            sent.header("x-stackup-file")
        ),
        (None, None)
    );
    connection
        .send("GET /front/a%20b.txt HTTP/1.1\r\nhost: test\r\nrange: bytes=1-2\r\n\r\n")
        .await;
    let part = connection.response().await;
    assert_eq!((part.status(), &*part.text()), (206, "12"));
}
