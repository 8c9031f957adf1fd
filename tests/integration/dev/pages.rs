use stackup_tests::{Host, Site};

use super::{answers, ask, encoded, get};

const PAGE: &str = "<!DOCTYPE html><html><head><title>a</title></head><body>b</body></html>";
const SCRIPT: &str = "<script src=\"/_stackup/client.js\" data-generation=\"1\" async></script>";

fn page(more: &str) -> String {
    let body = encoded(PAGE);
    format!("/?header=content-type:text/html;%20charset=utf-8&body={body}{more}")
}

#[tokio::test]
async fn script_starts_head_and_length_is_right() {
    let (_site, host) = answers("run = \"answers\"\n", &[]).await;
    let response = get(&host, &page(""), &[]).await;
    let text = response.text();
    assert!(text.contains(&format!("<head>{SCRIPT}<title>")), "{text}");
    assert_eq!(
        response.header("content-length"),
        Some(text.len().to_string().as_str())
    );
    // Without a `<head>`, it comes last.
    let response = get(&host, "/?header=content-type:text/html&body=%3Cp%3Ea", &[]).await;
    assert_eq!(response.text(), format!("<p>a{SCRIPT}"));
    // A HEAD gets the same headers.
    let head = ask(&host, "HEAD", &page(""), &[], "").await;
    assert_eq!(
        head.header("content-length"),
        Some(text.len().to_string().as_str())
    );
    // The response to a form must not be reloaded.
    let response = ask(&host, "POST", &page(""), &[], "").await;
    assert!(
        response.text().contains("data-generation=\"1\" data-once "),
        "{response}"
    );
}

#[tokio::test]
async fn page_with_script_loses_validators() {
    let (_site, host) = answers("run = \"answers\"\n", &[]).await;
    let target =
        page("&header=etag:%22a%22&header=last-modified:Thu,%2001%20Jan%202026%2000:00:00%20GMT");
    let response = get(&host, &target, &[]).await;
    assert_eq!(response.header("etag"), None);
    assert_eq!(response.header("last-modified"), None);
}

#[tokio::test]
async fn partial_and_encoded_pages_get_no_script() {
    let (_site, host) = answers("run = \"answers\"\n", &[]).await;
    let html = "header=content-type:text/html";
    let (etag, body) = ("header=etag:%22a%22", encoded(PAGE));
    for target in [
        format!("/?header=content-type:text/plain&body={body}&{etag}"),
        format!("/?header=content-type:application/xhtml%2Bxml&body={body}&{etag}"),
        format!("/?{html}&status=206&body={body}&{etag}"),
        format!("/?{html}&header=content-encoding:br&body={body}&{etag}"),
        format!("/?{html}&header=content-security-policy:script-src%20'none'&body={body}&{etag}"),
        format!("/?{html}&header=content-security-policy:sandbox&body={body}&{etag}"),
    ] {
        let response = get(&host, &target, &[]).await;
        let text = response.text();
        assert_eq!(text, PAGE, "{target}");
        assert_eq!(response.header("etag"), Some("\"a\""), "{target}");
    }
    let response = get(&host, &format!("/?{html}&status=304&{etag}"), &[]).await;
    assert_eq!(response.status(), 304);
    assert_eq!(response.header("etag"), Some("\"a\""));
    assert_eq!(response.text(), "");
    // Requested by a script of the page.
    let response = get(&host, &page(""), &["sec-fetch-dest: empty"]).await;
    assert!(!response.text().contains("client.js"), "{response}");
    let response = get(&host, &page(""), &["sec-fetch-dest: iframe"]).await;
    assert!(response.text().contains(SCRIPT), "{response}");
}

#[tokio::test]
async fn page_gets_script_if_its_policy_allows() {
    let (_site, host) = answers("run = \"answers\"\n", &[]).await;
    let policy = "&header=content-security-policy:default-src%20'self'";
    let response = get(&host, &page(policy), &[]).await;
    assert!(response.text().contains(SCRIPT), "{response}");
}

#[tokio::test]
async fn overlay_switches_off_and_is_absent_in_production() {
    let (site, host) = answers("run = \"answers\"\n", &[]).await;
    assert!(
        get(&host, &page(""), &[])
            .await
            .text()
            .contains("client.js")
    );
    site.manifest("run = \"answers\"\n[dev]\noverlay = false\n");
    host.reload("swapped").await;
    let response = get(&host, &page(""), &[]).await;
    assert_eq!(response.text(), PAGE);
    assert!(response.header("server-timing").is_some());
    site.manifest("run = \"answers\"\n[dev]\noverlay = false\ninspector = false\n");
    host.reload("swapped").await;
    let response = get(&host, &page(""), &[]).await;
    assert_eq!(response.header("server-timing"), None);
    let response = get(&host, "/_stackup/?body=own", &[]).await;
    assert_eq!(response.text(), "own");

    let site = Site::new("run = \"answers\"\n", &["answers"]);
    let host = Host::start_in("development", &site).await;
    let response = get(&host, &page(""), &[]).await;
    assert_eq!(response.text(), PAGE);
    assert_eq!(get(&host, "/_stackup/?body=own", &[]).await.text(), "own");
}

#[tokio::test]
async fn overlay_works_without_inspector() {
    let manifest = "run = \"answers\"\n[dev]\ninspector = false\n";
    let (_site, host) = answers(manifest, &[]).await;
    for (file, status) in [
        ("client.js", 200),
        ("overlay.js", 200),
        ("ansi.js", 200),
        ("events-not", 404),
        ("", 404),
        ("inspector.js", 404),
        ("api/stack", 404),
    ] {
        let response = get(&host, &format!("/_stackup/{file}"), &[]).await;
        assert_eq!(response.status(), status, "{file}");
    }
}

#[tokio::test]
async fn streamed_page_is_not_delayed() {
    let manifest = "use = [{ plugin = \"headers\", config = { set = { content-type = \"text/html\" } } }]\n\
                    run = \"probe\"\n";
    let site = Site::new(manifest, &["headers", "probe"]);
    let host = Host::develop(&site).await;
    let mut connection = host.connect().await;
    let address = host.address();
    connection
        .send(format!(
            "POST /echo HTTP/1.1\r\nhost: {address}\r\ntransfer-encoding: chunked\r\n\r\n"
        ))
        .await;
    connection
        .send("c\r\n<head></head>\r\n".replace('c', "d"))
        .await;
    let head = connection.head().await;
    assert_eq!(head.header("content-type"), Some("text/html"));
    // It arrives before the rest is sent.
    let first = connection.chunk().await.expect("a chunk");
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.starts_with("<head><script "), "{first}");
    assert!(first.ends_with("</script></head>"), "{first}");
    connection.send("4\r\nlast\r\n0\r\n\r\n").await;
    assert_eq!(connection.chunk().await.expect("a chunk"), b"last");
    assert_eq!(connection.chunk().await.expect("the end"), b"");
}
