//! An axum router, and `ServeDir`.

use stackup_tests::{Host, artifacts};

use super::{site, started};
use crate::extended_connect::Http2;

const ROUTER: &str = "run = \"uses-tower#router\"\n";

#[tokio::test]
async fn routes_state_json_and_fallback_answer() {
    let Some((_site, host)) = started(ROUTER).await else {
        return;
    };
    let mut client = host.connect().await;
    for visit in ["0", "1"] {
        assert_eq!(client.get("/visits").await.text(), visit);
    }
    let post = |path: &str, kind: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    client
        .send(post("/sum", "application/json", "[1, 2, 39]"))
        .await;
    let sum = client.response().await;
    let kind = sum.header("content-type");
    assert_eq!(
        (sum.text().as_str(), kind),
        (r#"{"sum":42}"#, Some("application/json"))
    );
    client.send(post("/sum", "application/json", "{}")).await;
    assert_eq!(client.response().await.status(), 422);
    client.send(post("/sum", "text/plain", "[]")).await;
    assert_eq!(client.response().await.status(), 415);

    let form = "--8\r\ncontent-disposition: form-data; name=\"tea\"\r\n\r\ngreen\r\n--8--\r\n";
    client
        .send(post("/parts", "multipart/form-data; boundary=8", form))
        .await;
    assert_eq!(client.response().await.text(), "tea: 5 bytes\n");

    client
        .send(post("/small", "text/plain", "ten bytes!"))
        .await;
    assert_eq!(client.response().await.text(), "10");
    client
        .send(post("/small", "text/plain", "eleven byte"))
        .await;
    assert_eq!(client.response().await.status(), 413);

    let nothing = client.get("/elsewhere").await;
    assert_eq!(
        (nothing.status(), nothing.text().as_str()),
        (404, "nothing here, Some(0)")
    );
}

#[tokio::test]
async fn extractors_know_the_map_and_the_client() {
    let manifest = "[[map]]\npath = \"/shop\"\nrun = \"uses-tower#router\"\n";
    let Some((_site, host)) = started(manifest).await else {
        return;
    };
    let told = host.get("/shop/nested/users/7?a=b").await.text();
    assert_eq!(
        told,
        "7 /nested/users/{id} /shop/nested/users/7?a=b 127.0.0.1"
    );
}

#[tokio::test]
async fn bodies_stream_both_ways_and_keep_their_trailers() {
    let Some((_site, host)) = started(ROUTER).await else {
        return;
    };
    let events = host.get("/events").await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert_eq!(events.text(), "data: one\n\ndata: two\n\n");

    let mut client = host.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        .await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.chunk().await.expect("a chunk"), b"one");
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    assert_eq!(client.chunk().await.expect("a chunk"), b"two");
    assert_eq!(client.chunk().await.expect("the end"), b"");
    assert!(client.trailers().await.expect("an end").is_empty());

    client
        .send("GET /trailers HTTP/1.1\r\nhost: test\r\nte: trailers\r\n\r\n")
        .await;
    let head = client.head().await;
    assert_eq!(
        head.header("transfer-encoding"),
        Some("chunked"),
        "{head:?}"
    );
    assert_eq!(client.chunk().await.expect("a chunk"), b"text");
    assert_eq!(client.chunk().await.expect("the end"), b"");
    let trailers = client.trailers().await.expect("trailers");
    assert_eq!(trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[tokio::test]
async fn body_beyond_the_hosts_limit_is_413() {
    let manifest = format!("{ROUTER}[limits]\nbody_bytes = 5\n");
    let Some((_site, host)) = started(&manifest).await else {
        return;
    };
    let mut client = host.connect().await;
    client
        .send("POST /wait HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n6\r\ncoffee\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.response().await.status(), 413);
}

#[tokio::test]
async fn websocket_of_axum_opens_and_ends_with_its_client() {
    let Some((_site, host)) = started(ROUTER).await else {
        return;
    };
    let mut client = host.connect().await;
    client
        .send(
            "GET /ws HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    let head = client.head().await;
    let accept = head.header("sec-websocket-accept");
    assert_eq!(
        (head.status, accept),
        (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    );
    assert_eq!(head.all("connection").count(), 1, "{head:?}");
    // A text, masked with zeros.
    for text in [b"tea", b"two"] {
        client.send([b"\x81\x83\0\0\0\0", &text[..]].concat()).await;
        assert_eq!(
            client.part(5).await.expect("a frame"),
            [b"\x81\x03", &text[..]].concat()
        );
    }
    client.send(b"\x88\x82\0\0\0\0\x03\xe8").await;
    assert_eq!(
        client.part(4).await.expect("a close frame"),
        b"\x88\x02\x03\xe8"
    );
    assert!(client.closes().await);
    assert_eq!(host.get("/ws").await.status(), 400);
}

#[tokio::test]
async fn websocket_of_axum_opens_on_a_stream_of_http2() {
    let listen = "[server]\nlisten = [{ address = \"127.0.0.1:0\", http2 = true }]\n";
    let Some(site) = site(&format!("{ROUTER}{listen}")) else {
        return;
    };
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let mut client = Http2::connect(&host).await;
    let fields = [("sec-websocket-version", "13")];
    let mut socket = client.open("/ws", "websocket", &fields).await;
    socket.send(b"\x81\x83\0\0\0\0tea").await;
    assert_eq!(socket.part(5).await.expect("a frame"), b"\x81\x03tea");
    socket.send(b"\x88\x82\0\0\0\0\x03\xe8").await;
    let close = socket.part(4).await.expect("a close frame");
    assert_eq!(close, b"\x88\x02\x03\xe8");
    assert!(socket.closes().await);
}

#[tokio::test]
async fn serve_dir_serves_files_below_a_map() {
    let manifest = "[[map]]\npath = \"/files\"\nrun = { plugin = \"uses-tower#files\", config = { folder = \"public\" } }\n";
    let Some((site, host)) = started(manifest).await else {
        return;
    };
    std::fs::create_dir(site.path().join("public")).expect("a folder");
    site.file("public/tea.txt", "green");
    let mut client = host.connect().await;
    let tea = client.get("/files/tea.txt").await;
    let length = tea.header("content-length");
    assert_eq!((tea.text().as_str(), length), ("green", Some("5")));
    client
        .send("GET /files/tea.txt HTTP/1.1\r\nhost: test\r\nrange: bytes=1-2\r\n\r\n")
        .await;
    let part = client.response().await;
    assert_eq!((part.status(), part.text().as_str()), (206, "re"));
    assert_eq!(client.get("/files/coffee.txt").await.status(), 404);
    assert_eq!(client.get("/files/../config.ru.toml").await.status(), 404);
}
