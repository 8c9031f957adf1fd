//! Interim responses.

use stackup_tests::{Connection, Host, Site};

const HINT: &str = "</style.css>; rel=preload";

async fn serving() -> (Site, Host) {
    let site = Site::new("run = \"upgrades\"", &["upgrades"]);
    let host = Host::start(&site).await;
    (site, host)
}

async fn hints(connection: &mut Connection) {
    let head = connection.head().await;
    assert_eq!(
        (head.status, head.header("link")),
        (103, Some(HINT)),
        "{head:?}"
    );
    assert_eq!(
        head.headers.len(),
        1,
        "nothing that the handler has not said"
    );
}

fn request(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n{fields}\r\n")
}

#[tokio::test]
async fn hint_comes_before_the_response_of_a_handler_that_waits() {
    let (_site, host) = serving().await;
    let mut connection = host.connect().await;
    connection.send(request("/hints", "")).await;
    hints(&mut connection).await;
    assert_eq!(connection.response().await.text(), "hinted\n");
    // And the connection goes on.
    connection.send(request("/hints", "")).await;
    hints(&mut connection).await;
    assert_eq!(connection.response().await.text(), "hinted\n");
}

#[tokio::test]
async fn hints_of_pipelined_requests_stand_before_their_own_response() {
    let (_site, host) = serving().await;
    let mut connection = host.connect().await;
    let all = ["/offers", "/hints", "/long", "/hints", "/offers"].map(|path| request(path, ""));
    connection.send(all.concat()).await;
    assert_eq!(connection.response().await.text(), "");
    hints(&mut connection).await;
    assert_eq!(connection.response().await.text(), "hinted\n");
    assert_eq!(connection.response().await.body.len(), 4 << 20);
    hints(&mut connection).await;
    assert_eq!(connection.response().await.text(), "hinted\n");
    assert_eq!(connection.response().await.text(), "");
}

#[tokio::test]
async fn hint_and_100_continue_are_two_messages() {
    let (_site, host) = serving().await;
    let mut connection = host.connect().await;
    let expects = "expect: 100-continue\r\ncontent-length: 5\r\n";
    connection.send(request("/hints", expects)).await;
    let mut interim = Vec::new();
    for _ in 0..2 {
        interim.push(connection.head().await.status);
    }
    interim.sort_unstable();
    assert_eq!(interim, [100, 103]);
    connection.send("hello").await;
    assert_eq!(connection.response().await.text(), "hinted\n");
}

#[tokio::test]
async fn client_of_http_1_0_gets_no_hint() {
    let (_site, host) = serving().await;
    let mut connection = host.connect().await;
    connection.send("GET /hints HTTP/1.0\r\n\r\n").await;
    assert_eq!(connection.response().await.text(), "hinted\n");
}

#[tokio::test]
async fn hint_after_the_response_has_begun_is_not_sent() {
    let (_site, host) = serving().await;
    let mut connection = host.connect().await;
    connection.send(request("/late-hints", "")).await;
    assert_eq!(connection.response().await.text(), "one\ntwo\n");
    assert_eq!(connection.get("/offers").await.status(), 200);
}

#[tokio::test]
async fn status_that_the_host_sends_is_an_error() {
    let (_site, host) = serving().await;
    let failed = host.get("/hints-101").await;
    assert_eq!(failed.status(), 500);
    assert!(
        host.event("request-failed")
            .await
            .message()
            .contains("no interim response")
    );
}

#[tokio::test]
async fn cache_hints_at_the_links_of_a_page_that_it_validates() {
    let manifest = r#"
use = [
    { plugin = "cache", config = { early_hints = true } },
    { plugin = "headers", config = { set = { link = "</style.css>; rel=preload", cache-control = "no-cache", etag = '"1"' } } },
]
run = "probe"
"#;
    let site = Site::new(manifest, &["cache", "headers", "probe"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let page = |fields| request("/sleep?ms=1", fields);
    // Nothing is stored yet.
    let navigates = "sec-fetch-mode: navigate\r\n";
    connection.send(page(navigates)).await;
    assert_eq!(connection.response().await.text(), "slept\n");
    connection.send(page(navigates)).await;
    hints(&mut connection).await;
    assert_eq!(connection.response().await.text(), "slept\n");
    // Who does not navigate has no use for them.
    connection.send(page("")).await;
    assert_eq!(connection.response().await.text(), "slept\n");
}
