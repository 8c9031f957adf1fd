//! A reload with open WebSockets.

use stackup_tests::{Host, Site};

use super::frame::{Frame, TEXT};
use super::open;

const LIMITS: &str = "[limits]\nupgrade_drain = \"1h\"\n";

async fn echoes(socket: &mut stackup_tests::Connection, text: &str) {
    socket.send(Frame::new(TEXT, text).bytes()).await;
    let frame = Frame::read(socket).await.expect("it is open");
    assert_eq!(frame.payload, text.as_bytes());
}

#[tokio::test]
async fn sockets_of_a_kept_handler_stay_and_those_of_another_are_closed_with_1012() {
    let map = |mark: &str| {
        format!(
            "run = \"hello\"\n{LIMITS}[[map]]\npath = \"/kept\"\nrun = \"websockets\"\n\
             [[map]]\npath = \"/changed\"\n[[map.use]]\nplugin = \"stamp\"\nconfig.mark = \"{mark}\"\n[map.run]\nplugin = \"websockets\"\n"
        )
    };
    let site = Site::new(&map("one"), &["websockets", "stamp", "hello"]);
    let host = Host::start(&site).await;
    let mut kept = open(&host, "/kept", "").await;
    let mut changed = open(&host, "/changed", "").await;
    echoes(&mut kept, "one").await;
    echoes(&mut changed, "one").await;
    for mark in ["two", "three"] {
        site.manifest(&map(mark));
        host.reload("swapped").await;
        echoes(&mut kept, mark).await;
    }
    let close = Frame::read(&mut changed).await.expect("a close frame");
    assert_eq!(close.code(), Some(1012));
    assert!(changed.closes().await);
    let mut next = open(&host, "/changed", "").await;
    echoes(&mut next, "again").await;
}

#[tokio::test]
async fn renewed_worker_takes_new_sockets_while_the_old_one_closes_its_own() {
    let site = Site::new(&format!("run = \"websockets\"\n{LIMITS}"), &["websockets"]);
    let host = Host::start(&site).await;
    let mut socket = open(&host, "/", "").await;
    echoes(&mut socket, "before").await;
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let close = Frame::read(&mut socket).await.expect("a close frame");
    assert_eq!(close.code(), Some(1012));
    let mut next = open(&host, "/", "").await;
    echoes(&mut next, "after").await;
}
