use stackup_tests::fastcgi::{Record, kind};

use super::{connect, serve};

#[tokio::test]
async fn params_over_header_bytes_get_431() {
    let (_site, host) = serve("probe", "[limits]\nheader_bytes = \"8KiB\"").await;
    let mut client = connect(&host).await;
    let long = "x".repeat(9000);
    let params = [("REQUEST_URI", "/"), ("HTTP_X", &long)];
    client.send(Record::post(1, &params, true)).await;
    assert_eq!(client.response().await.status(), 431);
    assert!(client.closes().await);
    let begins = Record::begin(1, 1, true);
    let mut endless = connect(&host).await;
    endless.send(begins).await;
    for _ in 0..10 {
        let more = Record::bytes(kind::PARAMS, 1, &[b'x'; 1000]);
        if endless.try_send(&more).await.is_err() {
            break;
        }
    }
    assert_eq!(endless.response().await.status(), 431, "before their end");
}

#[tokio::test]
async fn fields_over_header_count_get_431() {
    let (_site, host) = serve("probe", "[limits]\nheader_count = 10").await;
    let mut client = connect(&host).await;
    let names: Vec<_> = (0..12).map(|number| format!("HTTP_X_{number}")).collect();
    let names: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    for (count, status) in [(8, 200), (12, 431)] {
        let uri = [("REQUEST_URI", "/"), ("CONTENT_LENGTH", "0")];
        let params = [&uri, &names[..count]].concat();
        client.send(Record::post(1, &params, true)).await;
        client.send(Record::bytes(kind::STDIN, 1, b"")).await;
        assert_eq!(client.response().await.status(), status, "{count}");
    }
}

#[tokio::test]
async fn body_over_body_bytes_gets_413() {
    let (_site, host) = serve("probe", "[limits]\nbody_bytes = 10").await;
    for params in [
        [("REQUEST_URI", "/length"), ("CONTENT_LENGTH", "20")],
        [
            ("REQUEST_URI", "/length"),
            ("HTTP_TRANSFER_ENCODING", "chunked"),
        ],
    ] {
        let mut client = connect(&host).await;
        client.send(Record::post(1, &params, true)).await;
        client
            .send(Record::stream(kind::STDIN, 1, &[b'x'; 20]))
            .await;
        assert_eq!(client.response().await.status(), 413, "{params:?}");
    }
}

#[tokio::test]
async fn slow_params_get_408_and_silent_connections_nothing() {
    let (_site, host) = serve("probe", "[limits]\nheader_timeout = \"500ms\"").await;
    let (mut slow, mut silent) = (connect(&host).await, connect(&host).await);
    slow.send(Record::begin(1, 1, true)).await;
    assert_eq!(slow.response().await.status(), 408);
    assert!(slow.closes().await);
    assert!(silent.closes().await);
    let mut idle = connect(&host).await;
    idle.get("/").await;
    assert!(idle.closes().await);
}

#[tokio::test]
async fn slow_body_gets_408() {
    let (_site, host) = serve("probe", "[limits]\nbody_timeout = \"500ms\"").await;
    let mut client = connect(&host).await;
    let params = [("REQUEST_URI", "/length"), ("CONTENT_LENGTH", "20")];
    client.send(Record::post(1, &params, true)).await;
    client.send(Record::bytes(kind::STDIN, 1, b"hello")).await;
    assert_eq!(client.response().await.status(), 408);
    assert!(client.closes().await);
}

#[tokio::test]
async fn front_server_that_takes_nothing_is_closed() {
    let (_site, host) = serve("probe", "[limits]\nsend_timeout = \"500ms\"").await;
    let mut client = connect(&host).await;
    client
        .send(Record::get(1, "/flood?count=100000", true))
        .await;
    let stopped = host.message("probe: the flood stopped").await;
    drop(client);
    assert!(stopped.message().contains("stopped after"));
}
