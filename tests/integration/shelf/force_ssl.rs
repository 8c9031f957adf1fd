//! `force-ssl`.

use stackup_tests::{Connection, Host, Site};

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

#[tokio::test]
async fn https_target_in_the_clear_is_misdirected() {
    let manifest = MANIFEST.replace("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n", "");
    let (_site, host) = serve_site(&manifest, &["force-ssl", "hello"]).await;
    for target in ["https://test/", "HTTPS://test:443/a", "https://test/health"] {
        let mut connection = host.connect().await;
        connection
            .send(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"))
            .await;
        let response = connection.response().await;
        assert_eq!(response.status(), 421, "{target}");
        assert_eq!(
            response.header("strict-transport-security"),
            None,
            "{target}"
        );
    }
}

/// A proxy on a Unix socket has no address, so that only its own word trusts it.
#[tokio::test]
async fn proxy_on_a_unix_socket_is_trusted_by_its_word() {
    for (trusted, status) in [("unix", 200), ("127.0.0.1", 301)] {
        let site = Site::new("run = \"hello\"\n", &["force-ssl", "hello"]);
        let socket = site.path().join("s.sock");
        let listen = format!("[server]\nlisten = [\"unix:{}\"]\n", socket.display());
        let manifest = MANIFEST.replace("[server]\n", &listen);
        site.manifest(&manifest.replace("[\"127.0.0.1\"]", &format!("[\"{trusted}\"]")));
        let mut host = Host::launch(stackup_tests::artifacts::stackup(), &site, &[]);
        host.ready().await;
        let mut connection = Connection::unix(&socket).await;
        connection
            .send("GET / HTTP/1.1\r\nhost: test\r\nx-forwarded-proto: https\r\n\r\n")
            .await;
        assert_eq!(connection.response().await.status(), status, "{trusted}");
    }
}
