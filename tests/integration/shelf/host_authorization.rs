//! `host-authorization`.

use super::serve;

const LAYER: &str = "{ plugin = \"host-authorization\", config = { hosts = [\"a.test\"] } }";

#[tokio::test]
async fn forged_host_gets_403() {
    let (_site, host) = serve(LAYER, &["host-authorization"]).await;
    for (head, status) in [
        ("GET / HTTP/1.1\r\nhost: a.test:80\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nhost: evil.org\r\n\r\n", 421),
        ("GET http://evil.org/ HTTP/1.1\r\nhost: a.test\r\n\r\n", 421),
        (
            "GET / HTTP/1.1\r\nhost: a.test\r\nx-forwarded-host: evil.org\r\n\r\n",
            421,
        ),
        (
            "GET / HTTP/1.1\r\nhost: a.test\r\nforwarded: for=192.0.2.1;host=evil.org\r\n\r\n",
            421,
        ),
        ("GET / HTTP/1.0\r\n\r\n", 421),
    ] {
        let mut connection = host.connect().await;
        connection.send(head).await;
        assert_eq!(connection.response().await.status(), status, "{head}");
    }
    host.message("not in `hosts`").await;
}
