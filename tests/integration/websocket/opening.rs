//! The opening handshake.

use stackup_tests::{Host, Site};

use super::frame::{CLOSE, Frame, TEXT};
use super::{KEY, asked, open, opening};

async fn serving() -> (Site, Host) {
    let site = Site::new("run = \"websockets\"", &["websockets"]);
    let host = Host::start(&site).await;
    (site, host)
}

#[tokio::test]
async fn accept_is_the_key_of_rfc_6455() {
    let (_site, host) = serving().await;
    let (head, _) = asked(&host, &opening(&host, "/", "")).await;
    assert_eq!(
        head.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(head.header("upgrade"), Some("websocket"));
    assert_eq!(head.header("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn mistakes_of_the_handshake_get_their_status() {
    let (_site, host) = serving().await;
    let right = opening(&host, "/", "");
    for (from, to, status) in [
        ("version: 13", "version: 8", 426),
        ("sec-websocket-version: 13\r\n", "", 426),
        (KEY, "short", 400),
        ("upgrade: websocket\r\n", "", 426),
        ("connection: Upgrade\r\n", "", 426),
        ("GET /", "OPTIONS /", 405),
    ] {
        let (head, _) = asked(&host, &right.replace(from, to)).await;
        assert_eq!(head.status, status, "{to}");
        if status == 426 {
            assert_eq!(head.header("upgrade"), Some("websocket"));
        }
        let version = head.header("sec-websocket-version");
        assert_eq!(version, (from.contains("version")).then_some("13"));
    }
}

#[tokio::test]
async fn only_pages_of_the_same_origin_or_of_those_allowed_open_one() {
    let (_site, host) = serving().await;
    let own = format!("origin: {}\r\n", host.url());
    let other_scheme = own.replace("http:", "https:");
    for (path, origin, status) in [
        ("/", own.as_str(), 101),
        ("/", "origin: https://evil.test\r\n", 403),
        ("/", "origin: null\r\n", 403),
        ("/", other_scheme.as_str(), 403),
        ("/anyone", "origin: https://evil.test\r\n", 101),
        ("/friends", "origin: https://friend.test\r\n", 101),
        ("/friends", own.as_str(), 101),
        ("/friends", "origin: https://evil.test\r\n", 403),
    ] {
        let (head, _) = asked(&host, &opening(&host, path, origin)).await;
        assert_eq!(head.status, status, "{path} {origin}");
    }
}

#[tokio::test]
async fn first_subprotocol_of_the_server_that_the_client_offers_is_chosen() {
    let (_site, host) = serving().await;
    for (offered, chosen) in [
        ("sec-websocket-protocol: v1, v2\r\n", Some("v2")),
        (
            "sec-websocket-protocol: v0\r\nsec-websocket-protocol: v1\r\n",
            Some("v1"),
        ),
        ("sec-websocket-protocol: v0\r\n", None),
        ("", None),
    ] {
        let (head, mut socket) = asked(&host, &opening(&host, "/protocols", offered)).await;
        assert_eq!(head.header("sec-websocket-protocol"), chosen, "{offered}");
        let said = Frame::read(&mut socket).await.expect("a frame");
        assert_eq!(
            (said.opcode, said.payload),
            (TEXT, format!("{chosen:?}").into_bytes())
        );
    }
}

#[tokio::test]
async fn codes_that_do_not_close_a_socket_and_messages_after_the_end_are_errors() {
    let (_site, host) = serving().await;
    let mut socket = open(&host, "/errs", "").await;
    for (code, bytes) in [(1005, 0), (999, 0), (1000, 124)] {
        let said = Frame::read(&mut socket).await.expect("a message");
        let expected = format!("`{code}` with {bytes} bytes of a reason can't close a WebSocket");
        assert_eq!(String::from_utf8_lossy(&said.payload), expected);
    }
    let close = Frame::read(&mut socket).await.expect("a close frame");
    assert_eq!((close.opcode, close.code()), (CLOSE, Some(1000)));
    host.message("websockets: Err(Disconnected)").await;
    assert!(socket.closes().await, "nothing follows");
}

#[tokio::test]
async fn socket_is_closed_when_its_handler_ends_or_fails() {
    let (_site, host) = serving().await;
    for (path, code) in [("/ends", 1000), ("/fails", 1011), ("/closes", 4001)] {
        let mut socket = open(&host, path, "").await;
        let close = Frame::read(&mut socket).await.expect("a close frame");
        assert_eq!(close.code(), Some(code), "{path}");
        // A server that has ended by itself reads no more.
        let answer = Frame::new(CLOSE, close.payload).bytes();
        let _ = socket.try_send(&answer).await;
        assert!(socket.closes().await);
    }
}
