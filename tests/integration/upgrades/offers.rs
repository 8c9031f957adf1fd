//! What a client offers, and what the host makes of it.

use super::{echoes, offer, serving};

#[tokio::test]
async fn accepted_upgrade_is_a_101_and_then_bytes_both_ways() {
    let (_site, host) = serving("").await;
    let mut connection = host.connect().await;
    connection.send(offer("/echo")).await;
    let head = connection.head().await;
    assert_eq!(head.status, 101);
    assert_eq!(head.header("upgrade"), Some("echo"));
    assert_eq!(head.header("connection"), Some("upgrade"));
    for framing in ["content-length", "transfer-encoding"] {
        assert_eq!(head.header(framing), None, "RFC 9110 §8.6, RFC 9112 §6.1");
    }
    // No request: what hyper or the check of the framing would refuse.
    for text in ["\0\0", "GET nonsense\r\n\r\n", "x"] {
        echoes(&mut connection, text).await;
    }
}

#[tokio::test]
async fn connection_that_has_served_requests_can_change() {
    let (_site, host) = serving("").await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/nothing").await.status(), 404);
    // Together with the request before.
    let both = format!(
        "GET /offers HTTP/1.1\r\nhost: test\r\n\r\n{}",
        offer("/echo")
    );
    connection.send(both).await;
    assert_eq!(connection.response().await.text(), "");
    assert_eq!(connection.head().await.status, 101);
    echoes(&mut connection, "after all").await;
}

#[tokio::test]
async fn only_a_request_without_a_body_by_http_1_1_offers_something() {
    let (_site, host) = serving("").await;
    let request = |version: &str, fields: &str, body: &str| {
        format!("GET /offers HTTP/{version}\r\nhost: test\r\n{fields}\r\n{body}")
    };
    let upgrade = "connection: keep-alive, Upgrade\r\nupgrade: a, b/2\r\nupgrade: c\r\n";
    let with_length = format!("{upgrade}content-length: 2\r\n");
    for (request, offers) in [
        (request("1.1", upgrade, ""), "a|b/2|c"),
        (request("1.0", upgrade, ""), ""),
        (request("1.1", &with_length, "hi"), ""),
        (request("1.1", "upgrade: a\r\n", ""), ""),
        (request("1.1", "connection: upgrade\r\n", ""), ""),
        (
            request("1.1", "connection: upgrade\r\nupgrade: \r\n", ""),
            "",
        ),
    ] {
        let mut connection = host.connect().await;
        connection.send(&request).await;
        let response = connection.response().await;
        assert_eq!(
            (response.status(), response.text().as_str()),
            (200, offers),
            "{request}"
        );
    }
}

#[tokio::test]
async fn request_that_offers_nothing_gets_426_with_the_protocol() {
    let (_site, host) = serving("").await;
    let response = host.get("/echo").await;
    assert_eq!(response.status(), 426);
    assert_eq!(response.header("upgrade"), Some("echo"));
    assert_eq!(response.header("connection"), Some("upgrade"));
}

#[tokio::test]
async fn declined_offer_leaves_the_connection_to_requests() {
    let (_site, host) = serving("").await;
    let mut connection = host.connect().await;
    connection.send(offer("/offers")).await;
    assert_eq!(connection.response().await.text(), "echo");
    assert_eq!(connection.get("/nothing").await.status(), 404);
    let bare = host.event("request-failed");
    connection.send(offer("/bare")).await;
    assert_eq!(
        connection.response().await.status(),
        500,
        "nobody has accepted it"
    );
    assert!(bare.await.message().contains("101"));
}

#[tokio::test]
async fn response_that_takes_the_place_of_an_upgrade_ends_it() {
    let (_site, host) = serving("").await;
    let mut connection = host.connect().await;
    connection.send(offer("/refused")).await;
    let response = connection.response().await;
    assert_eq!((response.status(), response.text().as_str()), (403, "no\n"));
    assert_eq!(connection.get("/nothing").await.status(), 404);
}

#[tokio::test]
async fn handler_whose_upgrade_is_declined_reads_an_error() {
    let (_site, host) = serving("").await;
    let mut connection = host.connect().await;
    connection.send(offer("/declined")).await;
    let response = connection.response().await;
    assert_eq!(response.status(), 403);
    let read = response.text();
    assert!(
        read.contains("the connection did not change its protocol"),
        "{read}"
    );
    assert_eq!(connection.get("/nothing").await.status(), 404);
}

#[tokio::test]
async fn length_that_a_handler_sets_does_not_go_out_with_a_101() {
    let (_site, host) = serving("").await;
    let mut connection = host.connect().await;
    connection.send(offer("/promises")).await;
    let head = connection.head().await;
    let length = head.header("content-length");
    assert_eq!((head.status, length), (101, None), "RFC 9110 §8.6");
    echoes(&mut connection, "more than five bytes").await;
}

#[tokio::test]
async fn bytes_sent_before_the_101_are_no_request() {
    let (_site, host) = serving("").await;
    let mut connection = host.connect().await;
    connection
        .send(format!("{}GET / HTTP/1.1\r\n\r\n", offer("/echo")))
        .await;
    // The host can't know whether they are meant for the new protocol: either it says that, or it refuses them.
    let head = connection.head().await;
    assert!([101, 400].contains(&head.status), "{head:?}");
    // What could also begin a request is for the new protocol.
    let mut connection = host.connect().await;
    connection.send(format!("{}early", offer("/echo"))).await;
    assert_eq!(connection.head().await.status, 101);
    assert_eq!(connection.part(5).await.expect("it lasts"), b"early");
}
