use std::time::Duration;

use stackup_tests::fastcgi::{Record, kind};

use super::{connect, serve};

const UNKNOWN_LENGTH: [(&str, &str); 2] = [
    ("REQUEST_URI", "/echo"),
    ("HTTP_TRANSFER_ENCODING", "chunked"),
];

#[tokio::test]
async fn bodies_stream_both_ways() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    client.send(Record::post(1, &UNKNOWN_LENGTH, true)).await;
    let head = client.record().await;
    assert!(
        head.content.starts_with(b"Status: 200 OK\r\n"),
        "before the body has begun"
    );
    for chunk in [&b"one"[..], b"two"] {
        client.send(Record::bytes(kind::STDIN, 1, chunk)).await;
        let echo = client.record().await;
        assert_eq!((echo.kind, &echo.content[..]), (kind::STDOUT, chunk));
    }
    client.send(Record::bytes(kind::STDIN, 1, b"")).await;
    let end = client.response().await;
    assert_eq!(
        (end.id, end.protocol_status, end.head),
        (1, 0, String::new())
    );
    assert_eq!(
        client.get("/where").await.status(),
        200,
        "on the same connection"
    );
}

#[tokio::test]
async fn large_body_comes_back_whole() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    let body: Vec<u8> = (0..3_000_000u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let length = body.len().to_string();
    let params = [("REQUEST_URI", "/length"), ("CONTENT_LENGTH", &length)];
    client.send(Record::post(1, &params, true)).await;
    client.send(Record::stream(kind::STDIN, 1, &body)).await;
    assert_eq!(client.response().await.text(), length);
    let target = format!("/big?bytes={length}");
    let response = client.get(&target).await;
    assert_eq!(response.body.len(), body.len());
    assert!(
        response
            .head
            .contains(&format!("\r\ncontent-length: {length}\r\n"))
    );
    let chunks = client.get("/chunks?count=3").await;
    assert_eq!(chunks.text(), "chunk 0\nchunk 1\nchunk 2\n");
    assert!(!chunks.head.contains("content-length"));
}

#[tokio::test]
async fn body_that_no_handler_reads_is_not_stored() {
    let (_site, host) = serve("probe", "[limits]\nbody_bytes = \"1GiB\"").await;
    let mut client = connect(&host).await;
    let params = [("REQUEST_URI", "/wait"), ("CONTENT_LENGTH", "100000000")];
    client.send(Record::post(1, &params, true)).await;
    host.message("probe: waiting").await;
    let much = Record::bytes(kind::STDIN, 1, &[b'x'; 0xfff0]);
    let sent = async {
        for _ in 0..1500 {
            client.send(&much).await;
        }
    };
    let sent = tokio::time::timeout(Duration::from_secs(2), sent).await;
    assert!(sent.is_err(), "the host takes 100 MB that nobody reads");
}

#[tokio::test]
async fn rest_of_a_body_costs_no_response() {
    let (_site, host) = serve("probe", "").await;
    let mut client = connect(&host).await;
    let short = [("REQUEST_URI", "/ignore"), ("CONTENT_LENGTH", "5")];
    for _ in 0..3 {
        client.send(Record::post(1, &short, true)).await;
        client.send(Record::stream(kind::STDIN, 1, b"hello")).await;
        assert_eq!(client.response().await.text(), "ignored\n");
    }
    let long = [("REQUEST_URI", "/ignore"), ("CONTENT_LENGTH", "10000000")];
    client.send(Record::post(1, &long, true)).await;
    let rest = Record::stream(kind::STDIN, 1, &[b'x'; 10_000_000]);
    let sent = client.try_send(&rest).await;
    assert_eq!(client.response().await.text(), "ignored\n", "{sent:?}");
}

#[tokio::test]
async fn body_of_another_length_is_refused() {
    let (_site, host) = serve("probe", "").await;
    for length in ["4", "6"] {
        let mut client = connect(&host).await;
        let params = [("REQUEST_URI", "/length"), ("CONTENT_LENGTH", length)];
        client.send(Record::post(1, &params, true)).await;
        client.send(Record::stream(kind::STDIN, 1, b"hello")).await;
        assert_eq!(client.response().await.status(), 400, "{length}");
        assert!(client.closes().await, "nobody knows what follows");
    }
}

#[tokio::test]
async fn responses_without_a_body_have_none() {
    let (_site, host) = serve("answers", "").await;
    let mut client = connect(&host).await;
    for status in [204, 304] {
        let response = client.get(&format!("/?status={status}")).await;
        assert_eq!((response.status(), response.body.len()), (status, 0));
        assert!(
            !response.head.contains("content-length"),
            "{}",
            response.head
        );
    }
    let params = [
        ("REQUEST_METHOD", "HEAD"),
        ("REQUEST_URI", "/?body=hello"),
        ("CONTENT_LENGTH", "0"),
    ];
    client.send(Record::post(1, &params, true)).await;
    client.send(Record::bytes(kind::STDIN, 1, b"")).await;
    let response = client.response().await;
    assert!(
        response.head.contains("\r\ncontent-length: 5\r\n"),
        "{}",
        response.head
    );
    assert!(response.body.is_empty());
}

#[tokio::test]
async fn body_that_fails_is_cut_off() {
    let (_site, host) = serve("answers", "").await;
    for target in [
        "/?header=content-length:10&stream=short",
        "/?stream=begun&break=now",
    ] {
        let mut client = connect(&host).await;
        client.send(Record::get(1, target, true)).await;
        let error = client.try_response().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{target}");
    }
    assert_eq!(connect(&host).await.get("/").await.status(), 200);
}
