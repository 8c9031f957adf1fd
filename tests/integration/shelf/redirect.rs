//! `redirect`.

use super::serve_site;

const MANIFEST: &str = r#"
run = { plugin = "redirect", config = { to = "/", path = true, status = 302 } }
[[map]]
path = "/docs"
run  = { plugin = "redirect", config = { to = "https://docs.example.com/v2", path = true, query = true } }
"#;

#[tokio::test]
async fn redirect_uses_configured_server() {
    let (_site, host) = serve_site(MANIFEST, &["redirect"]).await;
    let mut connection = host.connect().await;
    for (target, status, location) in [
        (
            "/docs/a%20b?c=d",
            308,
            "https://docs.example.com/v2/a%20b?c=d",
        ),
        ("/docs", 308, "https://docs.example.com/v2"),
        (
            "/docs//evil.com",
            308,
            "https://docs.example.com/v2/evil.com",
        ),
        ("//evil.com/%2f..", 302, "/evil.com/%2F.."),
        ("/\\evil.com", 302, "/%5Cevil.com"),
        ("/%0d%0aset-cookie:a=b", 302, "/%0D%0Aset-cookie:a=b"),
    ] {
        let res = connection.get(target).await;
        assert_eq!(
            (res.status(), res.header("location")),
            (status, Some(location))
        );
        assert_eq!(res.header("set-cookie"), None);
    }
}
