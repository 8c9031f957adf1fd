//! `force-ssl`.

use super::serve_site;

const MANIFEST: &str = r#"
run = "hello"
[[use]]
plugin = "force-ssl"
config = { exclude = ["/health"] }
[server]
trusted_proxies = ["127.0.0.1"]
"#;

#[tokio::test]
async fn http_request_is_redirected_to_https() {
    let (_site, host) = serve_site(MANIFEST, &["force-ssl", "hello"]).await;
    let mut connection = host.connect().await;
    let plain = connection.get("/a?b").await;
    assert_eq!(
        (plain.status(), plain.header("location")),
        (301, Some("https://test/a?b"))
    );
    assert_eq!(plain.header("strict-transport-security"), None);
    assert_eq!(connection.post("/a", b"").await.status(), 308);
    assert_eq!(connection.get("/health").await.text(), "Hello, World!\n");
    connection
        .send("GET / HTTP/1.1\r\nhost: test\r\nx-forwarded-proto: https\r\n\r\n")
        .await;
    let secure = connection.response().await;
    assert_eq!(secure.text(), "Hello, World!\n");
    let hsts = secure.header("strict-transport-security");
    assert_eq!(hsts, Some("max-age=31536000"));
}
