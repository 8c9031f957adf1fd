//! Layers of tower-http as middleware: around a plugin of the same library, and around one of another.

use super::started;

/// This layer, and a router below it.
fn below(layer: &str) -> String {
    format!("use = [{layer}]\nrun = \"uses-tower#router\"\n")
}

#[tokio::test]
async fn cors_answers_and_passes_on() {
    let Some((_site, host)) = started(&below("\"uses-tower#cors\"")).await else {
        return;
    };
    let mut client = host.connect().await;
    client
        .send(
            "OPTIONS /code HTTP/1.1\r\nhost: test\r\norigin: https://example.com\r\n\
             access-control-request-method: PUT\r\n\r\n",
        )
        .await;
    let allowed = client.response().await;
    assert_eq!(allowed.header("access-control-allow-methods"), Some("*"));
    client
        .send("GET /code HTTP/1.1\r\nhost: test\r\norigin: https://example.com\r\n\r\n")
        .await;
    let code = client.response().await;
    assert_eq!(code.header("access-control-allow-origin"), Some("*"));
    assert_eq!(code.text(), "stackup-tower-code-00000000");
}

#[tokio::test]
async fn compression_compresses_what_the_layers_below_send() {
    let Some((_site, host)) = started(&below("\"uses-tower#compression\"")).await else {
        return;
    };
    let mut client = host.connect().await;
    let body = "tea ".repeat(1000);
    client
        .send(format!(
            "POST /echo HTTP/1.1\r\nhost: test\r\naccept-encoding: gzip\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    let response = client.response().await;
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    assert!(response.body.len() < 1000, "{} bytes", response.body.len());
    let mut text = String::new();
    let mut reader = flate2::read::GzDecoder::new(&response.body[..]);
    std::io::Read::read_to_string(&mut reader, &mut text).expect("gzip");
    assert_eq!(text, body);
}

#[tokio::test]
async fn request_id_is_set_below_and_returned() {
    let Some((_site, host)) = started(&below("\"uses-tower#request-id\"")).await else {
        return;
    };
    let response = host.get("/code").await;
    let id = response.header("x-request-id").expect("an id");
    assert_eq!(id.len(), 36, "{id}");
}

#[tokio::test]
async fn trace_writes_to_the_hosts_log() {
    let manifest = below("\"uses-tower#trace\"");
    let manifest = format!("{manifest}[log]\ntargets = {{ tower_http = \"debug\" }}\n");
    let Some((_site, host)) = started(&manifest).await else {
        return;
    };
    host.get("/code").await;
    let record = host.message("finished processing request").await;
    assert_eq!(record.text("handler"), "uses-tower#trace", "{record}");
}

#[tokio::test]
async fn timeout_cancels_the_layers_below() {
    let layer = "{ plugin = \"uses-tower#timeout\", config = { milliseconds = 20 } }";
    let Some((_site, host)) = started(&below(layer)).await else {
        return;
    };
    assert_eq!(host.get("/never").await.status(), 504);
    assert_eq!(host.get("/code").await.status(), 200);
}

#[tokio::test]
async fn panic_above_the_layers_below_is_caught() {
    let Some((_site, host)) = started(&below("\"uses-tower#catch-panic\"")).await else {
        return;
    };
    let mut client = host.connect().await;
    client
        .send("GET /code HTTP/1.1\r\nhost: test\r\nx-panic: 1\r\n\r\n")
        .await;
    let panicked = client.response().await;
    assert_eq!(
        (panicked.status(), panicked.text().as_str()),
        (500, "Service panicked")
    );
    assert_eq!(client.get("/code").await.status(), 200);
}

#[tokio::test]
async fn state_of_a_layer_spans_its_requests() {
    let Some((_site, host)) = started(&below("\"uses-tower#one-at-a-time\"")).await else {
        return;
    };
    let mut first = host.connect().await;
    first
        .send("POST /wait HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        .await;
    // The router reads.
    assert_eq!(first.head().await.status, 100);
    assert_eq!(host.get("/code").await.status(), 500);
    first.send("tea").await;
    assert_eq!(first.response().await.text(), "tea");
    assert_eq!(host.get("/code").await.status(), 200);
}

#[tokio::test]
async fn layer_stands_above_handlers_of_other_libraries() {
    let manifest = "use = [\"uses-tower#request-id\"]\nrun = \"hello\"\n";
    let Some(library) = stackup_tests::artifacts::real_crate("uses-tower") else {
        return;
    };
    let site = stackup_tests::Site::new(manifest, &["hello"]);
    site.library("uses-tower", &stackup_tests::site::read(library));
    let host = stackup_tests::Host::start(&site).await;
    let response = host.get("/").await;
    assert_eq!(response.text(), "Hello, World!\n");
    assert!(response.header("x-request-id").is_some(), "{response}");
}
