//! `lint`.

use stackup_tests::{Host, Site};

use super::serve;

#[tokio::test]
async fn violations_are_reported_and_good_layers_pass() {
    let lint = r#"{ plugin = "lint", config = { strict = true } }"#;
    let layers = format!("{lint}, \"deflater\", {lint}, \"pig-latin\", {lint}, \"etag\", {lint}");
    let plugins = ["lint", "deflater", "pig-latin", "etag"];
    let (_site, host) = serve(&layers, &plugins).await;
    let mut connection = host.connect().await;
    let target = "/?body=hello+world&header=content-type:text/plain";
    let good = super::ask(
        &mut connection,
        &format!("GET {target}"),
        &["accept-encoding: gzip"],
    )
    .await;
    assert_eq!(
        (good.status(), good.header("content-encoding")),
        (200, Some("gzip"))
    );
    assert_eq!(connection.get(target).await.text(), "ellohay orldway");
    let lie = connection.get("/?body=hello&header=content-length:7").await;
    assert_eq!(lie.status(), 500);
    host.message("K9: `content-length` is 7, but the body has 5 bytes")
        .await;
    let framing = connection
        .get("/?body=hello&header=transfer-encoding:gzip")
        .await;
    assert_eq!(framing.status(), 500);
    host.message("R17: a handler set `transfer-encoding`").await;
}

#[tokio::test]
async fn stream_passes_chunk_by_chunk() {
    let site = Site::new(
        "use = [\"lint\", \"lint\"]\nrun = \"probe\"\n",
        &["lint", "probe"],
    );
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send(
            "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        )
        .await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(connection.chunk().await.unwrap(), b"first");
    connection.send("0\r\n\r\n").await;
    assert_eq!(connection.chunk().await.unwrap(), b"");
    assert!(connection.trailers().await.unwrap().is_empty());
    assert_eq!(
        connection.post("/length", &[b'x'; 100_000]).await.text(),
        "100000"
    );
    // A header that the server drops is no violation.
    let head = super::ask(&mut connection, "HEAD /big?bytes=7", &[]).await;
    assert_eq!(
        (head.status(), head.header("content-length")),
        (200, Some("7"))
    );
}
