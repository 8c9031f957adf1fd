//! The site of all recipes answers as its page says.

use std::fs;

use stackup_tests::{Host, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::site;

/// `sub` is ada, `exp` is in 2100; signed with the key in the manifest.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJleHAiOjQxMDI0NDQ4MDB9.\
                     r6UFe-t-0McGzVCBicL_KfZkha0ODVMHb8QO-f6hVAY";

/// Answers one request with its first line.
async fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the proxy");
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(stream.read_u8().await.expect("a head"));
        }
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().next().unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: {}\r\n\r\n{line}",
            line.len()
        );
        stream.write_all(answer.as_bytes()).await.expect("a reader");
    });
    address
}

#[tokio::test]
async fn recipes_answer_as_their_page_says() {
    let server = upstream().await;
    let Some(site) = site(&[("127.0.0.1:9292/api", &server)]) else {
        return;
    };
    let host = Host::start(&site).await;
    let mut client = host.connect().await;
    assert_eq!(client.post("/notes", b"buy tea").await.text(), "1 notes\n");
    let removed = client.get("/cleaner").await;
    assert_eq!(removed.text(), "0 files removed\n");

    let refused = client.get("/greet").await;
    let challenge = refused.header("www-authenticate");
    assert_eq!((refused.status(), challenge), (401, Some("Bearer")));
    let head =
        format!("GET /greet HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    client.send(head).await;
    assert_eq!(client.response().await.text(), "Hello, ada!\n");

    let json = "POST /api/books HTTP/1.1\r\nhost: test\r\norigin: https://example.com\r\n\
                content-type: application/json\r\ncontent-length: 6\r\n\r\n\"Emma\"";
    client.send(json).await;
    let added = client.response().await;
    let origin = added.header("access-control-allow-origin");
    assert_eq!((added.status(), origin), (201, Some("*")));
    let book = client.get("/api/books/0").await;
    let cache = book.header("cache-control");
    assert_eq!((book.text(), cache), ("Emma".to_owned(), Some("no-store")));

    let passed_on = client.get("/elsewhere/a?b=c").await;
    assert_eq!(passed_on.text(), "GET /a?b=c HTTP/1.1");

    let counts = client.get("/metrics").await.text();
    for line in [
        "http_requests_total{method=\"POST\",status=\"200\"} 1",
        "http_requests_total{method=\"POST\",status=\"201\"} 1",
        "http_requests_total{method=\"GET\",status=\"401\"} 1",
        "http_request_seconds_count 7",
    ] {
        assert!(counts.contains(&format!("{line}\n")), "{line}: {counts}");
    }
}

#[tokio::test]
async fn uploads_stream_to_files_and_stop_at_the_limit() {
    const PART: &str =
        "---8-\r\ncontent-disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n";
    const END: &str = "\r\n---8---\r\n";
    const BLOCK: usize = 1 << 20;
    let Some(site) = site(&[("\"200MiB\"", "\"40MiB\"")]) else {
        return;
    };
    let host = Host::start(&site).await;
    let files = site.path().join("files");
    let sizes = || {
        let entries = fs::read_dir(&files).expect("the folder");
        let sizes = entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()));
        sizes.collect::<Vec<_>>()
    };
    let chunk = |bytes: &[u8]| {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        chunk
    };
    let begin = async |blocks: usize| {
        let mut client = host.connect().await;
        client
            .send(
                "POST /upload HTTP/1.1\r\nhost: test\r\ncontent-type: multipart/form-data; boundary=-8-\r\n\
                 transfer-encoding: chunked\r\n\r\n",
            )
            .await;
        client.send(chunk(PART.as_bytes())).await;
        for _ in 0..blocks {
            client.send(chunk(&vec![b'x'; BLOCK])).await;
        }
        client
    };
    // Half of it arrives before a reload of the code, the rest after it.
    let mut client = begin(16).await;
    let library = super::library("upload").expect("it is built");
    site.library("upload", &[&library[..], b"1"].concat());
    host.reload("swapped").await;
    for _ in 0..16 {
        client.send(chunk(&vec![b'x'; BLOCK])).await;
    }
    client
        .send([chunk(END.as_bytes()), chunk(b"")].concat())
        .await;
    let stored = client.response().await;
    assert_eq!(stored.status(), 201, "{stored}");
    assert_eq!(sizes(), [32 * BLOCK as u64]);
    // Beyond the limit nothing stays, nor where the client leaves.
    let mut long = begin(39).await;
    let _ = long.try_send(&chunk(&vec![b'x'; 2 * BLOCK])).await;
    assert_eq!(long.response().await.status(), 413);
    drop(begin(1).await);
    within("the files to be removed", async {
        while sizes() != [32 * BLOCK as u64] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
