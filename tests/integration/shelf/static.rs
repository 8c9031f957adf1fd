//! `static`.

use std::fs;

use stackup_tests::{Host, Site};

const MANIFEST: &str = r#"
run = "hello"
[[use]]
plugin = "static"
[use.config]
urls = ["/assets"]
precompressed = true
header_rules = [{ for = ["js"], headers = { cache-control = "immutable" } }]
"#;

#[tokio::test]
async fn static_serves_files_first_and_compressed_on_request() {
    let site = Site::new(MANIFEST, &["static", "hello"]);
    fs::create_dir_all(site.path().join("public/assets")).unwrap();
    site.file("public/assets/app.js", "plain");
    site.file("public/assets/app.js.gz", "gzipped");
    site.file("public/secret", "s3cret");
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    for (accept, body) in [("gzip", "gzipped"), ("gzip;q=0", "plain")] {
        let request = "GET /assets/app.js HTTP/1.1\r\nhost: test\r\naccept-encoding:";
        connection.send(format!("{request} {accept}\r\n\r\n")).await;
        let res = connection.response().await;
        assert_eq!(res.text(), body);
        assert_eq!(res.header("vary"), Some("accept-encoding"));
        assert_eq!(res.header("cache-control"), Some("immutable"));
        assert_eq!(res.header("content-type"), Some("text/javascript"));
    }
    assert_eq!(connection.get("/assets/gone").await.status(), 404);
    for path in ["/", "/secret", "/assets/../secret", "/assets/%2e%2e/secret"] {
        assert_eq!(
            connection.get(path).await.text(),
            "Hello, World!\n",
            "{path}"
        );
    }
}
