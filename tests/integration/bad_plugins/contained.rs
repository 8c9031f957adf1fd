//! A failure during a request affects only that request.

use stackup_tests::{Host, Site};

/// The status and text of a request in development, and its `panic` event.
async fn get_panicking(host: &Host, path: &str, message: &str) {
    let response = host.get(path).await;
    assert_eq!(response.status(), 500, "{path}: {response}");
    for text in ["`panics`", message, "panics/src/lib.rs:"] {
        assert!(response.text().contains(text), "{path}: {response}");
    }
    let logged = host
        .log()
        .take("panic", |record| record.event() == "panic")
        .await;
    assert_eq!(logged.text("handler"), "panics", "{logged}");
    assert!(logged.message().contains(message), "{logged}");
    assert_eq!(host.get("/").await.text(), "calm\n");
}

#[tokio::test]
async fn panic_fails_one_request_and_names_handler() {
    let site = Site::new(
        "use = [\"stamp\"]\nrun = \"panics\"\n",
        &["panics", "stamp"],
    );
    let host = Host::start_in("development", &site).await;
    get_panicking(&host, "/call", "on purpose, in call").await;
    get_panicking(&host, "/later", "on purpose, after an await").await;
    get_panicking(&host, "/payload", "a payload that is not text").await;
    get_panicking(&host, "/index", "index out of bounds").await;
}

#[tokio::test]
async fn panic_reveals_nothing_in_production() {
    let site = Site::new("run = \"panics\"\n", &["panics"]);
    let host = Host::start(&site).await;
    let response = host.get("/call").await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.text(), "500 Internal Server Error\n");
    let logged = host.event("panic").await;
    assert!(logged.message().contains("on purpose, in call"), "{logged}");
    // The connection stays open.
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/call").await.status(), 500);
    assert_eq!(connection.get("/").await.text(), "calm\n");
}

#[tokio::test]
async fn panic_in_body_breaks_response() {
    let site = Site::new("run = \"panics\"\n", &["panics"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send("GET /body HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert!(
        connection.try_response().await.is_err(),
        "the body must be cut off, not ended"
    );
    host.message("on purpose, in a body").await;
    assert_eq!(host.get("/").await.text(), "calm\n");
}

#[tokio::test]
async fn panics_outside_requests_are_only_reported() {
    let site = Site::new("run = \"panics\"\n", &["panics"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/hook").await.text(), "answered\n");
    host.message("on purpose, in a hook").await;
    assert_eq!(host.get("/task").await.text(), "answered\n");
    host.message("on purpose, in a task").await;

    let mut connection = host.connect().await;
    connection
        .send("GET /drop HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    host.message("panics: waiting").await;
    drop(connection);
    host.message("on purpose, in the drop of a future").await;
    assert_eq!(host.get("/").await.text(), "calm\n");
}

#[tokio::test]
async fn panic_in_drop_does_not_stop_next_generation() {
    let site = Site::new(
        "[run]\nplugin = \"panics\"\nconfig = { at_drop = true }\n",
        &["panics", "hello"],
    );
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.text(), "calm\n");
    site.manifest("run = \"hello\"\n");
    host.reload("swapped").await;
    host.message("on purpose, in the drop of the app").await;
    let drained = host.event("drained").await;
    assert_eq!(drained.number("generation"), Some(1));
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
}

/// Requests a response with a wrong length. The client must notice, and the log must report it.
async fn get_wrong_length(path: &str) {
    let site = Site::new("run = \"lies\"\n", &["lies"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"))
        .await;
    if let Ok(response) = connection.try_response().await {
        assert_eq!(response.status(), 500, "{path}: {response}");
    }
    let line = host.message("by content-length").await;
    assert_eq!(line.text("level"), "error", "{line}");
    assert_eq!(host.get("/").await.text(), "the truth\n");
}

#[tokio::test]
async fn short_body_breaks_response() {
    get_wrong_length("/too-short").await;
}

#[tokio::test]
async fn long_body_breaks_response() {
    get_wrong_length("/too-long").await;
}

#[tokio::test]
async fn ready_body_of_wrong_length_gets_500() {
    get_wrong_length("/too-long-at-once").await;
}

/// Requests a response with an invalid head. The client gets a valid response or none.
async fn get_invalid_head(path: &str) {
    let site = Site::new("run = \"lies\"\n", &["lies"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"))
        .await;
    if let Ok(head) = connection.try_head().await {
        assert!([200, 500].contains(&head.status), "{head:?}");
        let length = head.header("content-length");
        assert!(length.is_none_or(|length| length.parse::<u64>().is_ok()));
        let coding = head.header("transfer-encoding");
        assert!(coding.is_none_or(|coding| coding == "chunked"), "{head:?}");
    }
    assert_eq!(host.get("/").await.text(), "the truth\n");
}

#[tokio::test]
async fn invalid_content_length_is_not_sent() {
    let site = Site::new("run = \"lies\"\n", &["lies"]);
    let host = Host::start(&site).await;
    for path in [
        "/length-is-no-number",
        "/length-is-no-number-at-once",
        "/length-with-a-sign",
        "/two-lengths",
    ] {
        let response = host.get(path).await;
        assert_eq!(response.status(), 500, "{path}: {response}");
        let record = host.event("request-failed").await;
        assert_eq!(
            record.message(),
            "a response's content-length is not one decimal number",
            "{record}"
        );
    }
    assert_eq!(host.get("/").await.text(), "the truth\n");
}

#[tokio::test]
async fn transfer_encoding_of_handler_is_dropped() {
    get_invalid_head("/chunked-twice").await;
}

#[tokio::test]
async fn informational_status_gets_500() {
    get_invalid_head("/early-hints").await;
}

#[tokio::test]
async fn unrequested_upgrade_is_not_sent() {
    get_invalid_head("/switch").await;
}

#[tokio::test]
async fn body_of_bodiless_status_is_not_sent() {
    let site = Site::new("run = \"lies\"\n", &["lies"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    for (path, status) in [("/no-content", 204), ("/not-modified", 304)] {
        connection
            .send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"))
            .await;
        assert_eq!(connection.head().await.status, status);
        // A body would be read as the next head.
        let next = connection.get("/").await;
        assert_eq!(next.text(), "the truth\n", "after {path}");
    }
}

#[tokio::test]
async fn framing_trailers_are_not_sent() {
    let site = Site::new("run = \"lies\"\n", &["lies"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send("GET /trailers HTTP/1.1\r\nhost: test\r\nte: trailers\r\n\r\n")
        .await;
    let response = connection.response().await;
    assert_eq!(response.text(), "a line\n");
    assert!(response.trailers.is_empty(), "{:?}", response.trailers);
}
