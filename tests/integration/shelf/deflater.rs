//! `deflater`.

use std::io::Write;

use flate2::write::GzDecoder;
use stackup_tests::{Host, Site};

use super::{ask, serve};

#[tokio::test]
async fn chunk_is_readable_before_rest_arrives() {
    let manifest = "use = [\"deflater\"]\nrun = \"probe\"\n";
    let site = Site::new(manifest, &["deflater", "probe"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let head = "POST /echo HTTP/1.1\r\nhost: test\r\naccept-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.send(head).await;
    let mut content = GzDecoder::new(Vec::new());
    for text in ["first", "again"] {
        connection.send(format!("5\r\n{text}\r\n")).await;
        if text == "first" {
            let head = connection.head().await;
            assert_eq!(head.header("content-encoding"), Some("gzip"));
        }
        while !content.get_ref().ends_with(text.as_bytes()) {
            content
                .write_all(&connection.chunk().await.unwrap())
                .unwrap();
            content.flush().unwrap();
        }
    }
    connection.send("0\r\n\r\n").await;
    loop {
        match connection.chunk().await.unwrap() {
            end if end.is_empty() => break,
            chunk => content.write_all(&chunk).unwrap(),
        }
    }
    assert_eq!(content.finish().unwrap(), b"firstagain");
}

#[tokio::test]
async fn compressed_etag_gets_304() {
    let layers = "\"deflater\", \"conditional-get\"";
    let (_site, host) = serve(layers, &["deflater", "conditional-get"]).await;
    let mut connection = host.connect().await;
    let target = "GET /?body=hello&header=etag:%22a%22";
    let zipped = ask(
        &mut connection,
        target,
        &["accept-encoding: gzip, br;q=0.5"],
    )
    .await;
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(zipped.header("etag"), Some("W/\"a\""));
    assert_eq!(zipped.header("vary"), Some("accept-encoding"));
    let plain = ask(&mut connection, target, &[]).await;
    assert_eq!(
        (plain.header("etag"), &*plain.text()),
        (Some("\"a\""), "hello")
    );
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let has = ["accept-encoding: gzip", "if-none-match: W/\"a\""];
    let unchanged = ask(&mut connection, target, &has).await;
    assert_eq!(unchanged.status(), 304);
    assert_eq!(unchanged.header("etag"), Some("W/\"a\""));
    assert_eq!(unchanged.header("vary"), Some("accept-encoding"));
}

#[tokio::test]
async fn large_body_is_compressed_whole() {
    let (_site, host) = serve("\"deflater\"", &["deflater"]).await;
    let mut connection = host.connect().await;
    let accept = ["accept-encoding: gzip"];
    let large = ask(&mut connection, "GET /?bytes=3000000", &accept).await;
    assert!(large.body.len() < 30_000, "{}", large.body.len());
    let mut content = GzDecoder::new(Vec::new());
    content.write_all(&large.body).unwrap();
    assert_eq!(content.finish().unwrap(), vec![b'x'; 3_000_000]);
    let none = ask(&mut connection, "GET /?body=a", &["accept-encoding: *;q=0"]).await;
    assert_eq!(none.status(), 406);
}
