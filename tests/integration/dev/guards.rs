use stackup_tests::Host;
use stackup_tests::http::Response;

use super::{answers, get};

const EDIT: &str = r#"{"level":"","index":0,"plugin":"stamp","off":true}"#;

/// The response to a request with this `Host` and these header lines.
async fn request_as(host: &Host, request: &str, name: &str, lines: &str, body: &str) -> Response {
    let mut connection = host.connect().await;
    let length = body.len();
    connection
        .send(format!(
            "{request} HTTP/1.1\r\nhost: {name}\r\ncontent-length: {length}\r\n{lines}\r\n{body}"
        ))
        .await;
    connection.response().await
}

#[tokio::test]
async fn foreign_host_name_is_refused() {
    let (_site, host) = answers("run = \"answers\"\n", &[]).await;
    let port = host.address().rsplit_once(':').expect("a port").1;
    for path in ["", "client.js", "events", "api/stack", "api/requests/1"] {
        let request = format!("GET /_stackup/{path}");
        let response = request_as(&host, &request, &format!("evil.example:{port}"), "", "").await;
        assert_eq!(response.status(), 403, "{path}: {response}");
    }
    let response = request_as(
        &host,
        "GET /_stackup/",
        &format!("localhost:{port}"),
        "",
        "",
    )
    .await;
    assert_eq!(response.status(), 200);
    // A refused client does not learn the page's address.
    let html = "GET /?header=content-type:text/html&body=%3Chead%3E";
    let response = request_as(&host, html, "evil.example", "", "").await;
    assert_eq!(response.text(), "<head>");
    assert_eq!(response.header("server-timing"), None);
    for name in ["[x.localhost]evil.com", "[::1]evil.com", "localhost:1:1"] {
        let response = request_as(&host, "GET /_stackup/api/stack", name, "", "").await;
        assert_ne!(response.status(), 200, "{name}");
    }
}

#[tokio::test]
async fn client_behind_a_local_proxy_and_page_of_another_site_are_refused() {
    let (_site, host) = answers("run = \"answers\"\n", &[]).await;
    for (line, status) in [
        ("x-forwarded-for: 192.0.2.1\r\n", 403),
        ("forwarded: for=192.0.2.1\r\n", 403),
        ("sec-fetch-site: cross-site\r\n", 403),
        ("sec-fetch-site: same-site\r\n", 403),
        ("sec-fetch-site: same-origin\r\n", 200),
    ] {
        let request = "GET /_stackup/api/requests";
        let response = request_as(&host, request, host.address(), line, "").await;
        assert_eq!(response.status(), status, "{line}");
    }
}

/// A proxy on this machine must not open the inspector to its clients.
#[tokio::test]
async fn client_of_a_proxy_is_refused() {
    for server in ["", "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n"] {
        let (_site, host) = answers(&format!("run = \"answers\"\n{server}"), &[]).await;
        for lines in [
            "x-forwarded-for: 203.0.113.9\r\n",
            "x-forwarded-for: 127.0.0.1\r\n",
            "forwarded: for=203.0.113.9\r\n",
            "forwarded: for=_hidden\r\n",
            "x-real-ip: 203.0.113.9\r\n",
            "x-forwarded-host: shop.test\r\n",
            "via: 1.1 proxy\r\n",
        ] {
            let is_local = lines == "x-forwarded-for: 127.0.0.1\r\n";
            let status = if is_local { 200 } else { 403 };
            let response = request_as(&host, "GET /_stackup/", "localhost", lines, "").await;
            assert_eq!(response.status(), status, "{server}{lines}: {response}");
            let html = "GET /?header=content-type:text/html&body=%3Chead%3E";
            let response = request_as(&host, html, "localhost", lines, "").await;
            assert_eq!(
                response.text() != "<head>",
                status == 200,
                "{server}{lines}: {response}"
            );
            // The error page has the request's env.
            let lines = format!("accept: text/html\r\n{lines}");
            let page = request_as(&host, "GET /?fail=oh", "localhost", &lines, "").await;
            assert_eq!(page.status(), 500, "{page}");
            assert_eq!(page.text().contains("REQUEST_METHOD"), is_local, "{page}");
        }
    }
}

#[tokio::test]
async fn only_inspector_page_changes_manifest() {
    let manifest = "use = [\"stamp\"]\nrun = \"answers\"\n";
    let (site, host) = answers(manifest, &["stamp"]).await;
    let address = host.address();
    let own = format!("origin: http://{address}\r\n");
    for (name, lines) in [
        (address, ""),
        (address, "origin: null\r\n"),
        (address, "origin: http://evil.example\r\n"),
        (address, "origin: http://localhost:1\r\n"),
        ("evil.example", own.as_str()),
        ("evil.example", "origin: http://evil.example\r\n"),
    ] {
        for path in ["api/edit", "api/undo"] {
            let request = format!("POST /_stackup/{path}");
            let response = request_as(&host, &request, name, lines, EDIT).await;
            assert_eq!(response.status(), 403, "{name} {lines} {path}");
        }
    }
    let text = std::fs::read_to_string(site.path().join("config.ru.toml"));
    assert_eq!(text.expect("a manifest"), manifest);
    let response = request_as(&host, "POST /_stackup/api/edit", address, &own, EDIT).await;
    assert_eq!(response.status(), 200, "{response}");
    host.reload("swapped").await;
}

#[tokio::test]
async fn inspector_forbids_framing() {
    let (_site, host) = answers("run = \"answers\"\n", &[]).await;
    let response = get(&host, "/_stackup/", &[]).await;
    let policy = response
        .header("content-security-policy")
        .unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("access-control-allow-origin"), None);
    let response = get(&host, "/_stackup", &[]).await;
    assert_eq!(response.header("location"), Some("/_stackup/"));
}
