//! What went wrong, and who has seen the request by then.

use super::*;

#[tokio::test]
async fn server_that_is_not_there_has_seen_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.sock");
    let refused = failure(hub().fetch(fetch("http://a.test/", Some(missing))).await);
    assert_eq!(refused.phase, FetchPhase::Connect);
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
    assert!(
        refused.message.contains("none.sock: no connection: "),
        "{refused:?}"
    );
    assert!(refused.message.contains("No such file"), "{refused:?}");
}

#[tokio::test]
async fn connection_that_breaks_may_have_shown_the_request() {
    let server = Server::start(|mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await.unwrap();
    });
    let broken = failure(hub().fetch(server.get("http://a.test/")).await);
    assert_eq!(broken.phase, FetchPhase::Exchange);
    assert_eq!(broken.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn failure_of_the_requests_body_keeps_its_status() {
    let (server, _) = Server::answering("");
    let (frames, up) = channel();
    let mut request = server.get("http://a.test/");
    request.request = request.request.map(|_| up);
    let too_long = Failure::body(StatusCode::PAYLOAD_TOO_LARGE, "too long");
    frames.send(Err(too_long)).unwrap();
    let failed = failure(hub().fetch(request).await);
    assert_eq!(failed.phase, FetchPhase::RequestBody);
    assert_eq!(failed.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        failed
            .message
            .ends_with("the body of the request failed: too long"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    let (server, heads) = Server::answering(HELLO);
    let connect = {
        let mut request = server.get("http://a.test/");
        *request.request.method_mut() = http::Method::CONNECT;
        request
    };
    let lie = |length: &'static str| {
        let mut request = server.get("http://a.test/");
        request.request = request
            .request
            .map(|_| HostBody::Full(Bytes::from_static(b"12345")));
        let length = HeaderValue::from_static(length);
        request
            .request
            .headers_mut()
            .insert("content-length", length);
        request
    };
    let (short, no_number) = (lie("3"), lie("0x5"));
    for (request, expected) in [
        (fetch("/path?token", None), "is not in absolute form"),
        (fetch("ftp://a.test/", None), "`ftp:` is not http"),
        (connect, "CONNECT is for tunnels"),
        (
            short,
            "promises 3 bytes by content-length, but its body has 5",
        ),
        (no_number, "content-length is not one decimal number"),
    ] {
        let refused = failure(hub().fetch(request).await);
        assert_eq!(refused.phase, FetchPhase::Invalid, "{expected}");
        assert!(refused.message.contains(expected), "{refused:?}");
        assert!(!refused.message.contains("token"), "{refused:?}");
    }
    assert_eq!(heads.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn coding_that_nobody_decodes_is_no_response() {
    let (server, _) =
        Server::answering("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    let refused = failure(hub().fetch(server.get("http://a.test/")).await);
    assert_eq!(refused.phase, FetchPhase::Exchange);
    assert!(refused.message.contains("transfer coding"), "{refused:?}");
}
