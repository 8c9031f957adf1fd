//! What a handler learns of the end.

use stackup_tests::{Host, Site};

use super::frame::{CLOSE, Frame};
use super::open;

#[tokio::test]
async fn handler_learns_with_which_code_the_client_closes() {
    let site = Site::new("run = \"websockets\"", &["websockets"]);
    let host = Host::start(&site).await;
    for (payload, close) in [
        (&b"\x0f\xa2bye"[..], r#"{ code: 4002, reason: "bye" }"#),
        (b"", r#"{ code: 1005, reason: "" }"#),
    ] {
        let mut socket = open(&host, "/closed", "").await;
        socket.send(Frame::new(CLOSE, payload).bytes()).await;
        let expected = format!("websockets: ended: Ok(()) Some(Close {close})");
        host.message(&expected).await;
    }
}

#[tokio::test]
async fn client_that_leaves_without_a_close_frame_is_an_error() {
    let site = Site::new("run = \"websockets\"", &["websockets"]);
    let host = Host::start(&site).await;
    let mut socket = open(&host, "/closed", "").await;
    socket.half_close().await;
    let ended = host.message("websockets: ended: Err").await;
    let why = "the client left without closing the WebSocket";
    assert!(ended.message().contains(why), "{ended}");
    assert!(socket.closes().await);
}
