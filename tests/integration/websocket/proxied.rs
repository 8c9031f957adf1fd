//! WebSockets through `proxy`, to another stackup.

use stackup_tests::{Host, Site, within};

use super::frame::{BINARY, CLOSE, Frame, PING, PONG, TEXT};
use super::{asked, echoes, open, opening};

/// The two of them.
struct Proxied {
    front_site: Site,
    front: Host,
    behind_site: Site,
    behind: Host,
}

fn manifest(behind: &Host, more: &str) -> String {
    let url = behind.url();
    format!("[run]\nplugin = \"proxy\"\nconfig = {{ to = \"{url}\" }}\n{more}\n")
}

async fn serving(more: &str) -> Proxied {
    let behind_site = Site::new("run = \"websockets\"", &["websockets", "hello"]);
    let behind = Host::start(&behind_site).await;
    let front_site = Site::new(&manifest(&behind, more), &["proxy", "hello"]);
    let front = Host::start(&front_site).await;
    Proxied {
        front_site,
        front,
        behind_site,
        behind,
    }
}

/// Waits until `stackup status` of this site says so, or does not.
async fn status(site: &Site, text: &str, expected: bool) {
    within("what status says", async {
        while site.stackup(&["status"]).await.stdout.contains(text) != expected {}
    })
    .await;
}

#[tokio::test]
async fn messages_pass_both_ways_and_the_close_is_the_servers() {
    let both = serving("").await;
    let protocols = "sec-websocket-protocol: v1\r\n";
    let mut socket = open(&both.front, "/protocols", protocols).await;
    let said = Frame::read(&mut socket).await.expect("its protocol");
    assert_eq!(said.payload, b"Some(\"v1\")");
    echoes(&mut socket, TEXT, "hällo".as_bytes()).await;
    echoes(&mut socket, BINARY, &vec![7; 300_000]).await;
    socket.send(Frame::new(PING, "p").bytes()).await;
    let pong = Frame::read(&mut socket).await.expect("a pong");
    assert_eq!((pong.opcode, &pong.payload[..]), (PONG, &b"p"[..]));
    let code = 1000_u16.to_be_bytes();
    socket.send(Frame::new(CLOSE, code).bytes()).await;
    let close = Frame::read(&mut socket).await.expect("a close frame");
    assert_eq!((close.opcode, close.code()), (CLOSE, Some(1000)));
    assert!(socket.closes().await);
}

#[tokio::test]
async fn servers_refusal_reaches_the_client() {
    let both = serving("").await;
    let right = opening(&both.front, "/", "");
    for (from, to, status) in [
        ("version: 13", "version: 8", 426),
        ("upgrade: websocket\r\n", "", 426),
        ("GET /", "OPTIONS /", 405),
        ("host: ", "origin: https://evil.test\r\nhost: ", 403),
    ] {
        let (head, mut connection) = asked(&both.front, &right.replace(from, to)).await;
        assert_eq!(head.status, status, "{to}");
        if status == 426 {
            assert_eq!(head.header("upgrade"), Some("websocket"), "{head:?}");
        }
        connection.body(&head).await.expect("a body");
        // The connection is as it was.
        connection.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(connection.head().await.status, 426);
    }
}

#[tokio::test]
async fn reload_in_front_leaves_it_open_until_the_deadline() {
    let both = serving("[limits]\nupgrade_drain = \"1h\"").await;
    let mut socket = open(&both.front, "/", "").await;
    both.front_site
        .manifest("run = \"hello\"\n[limits]\nupgrade_drain = \"1h\"");
    both.front.reload("swapped").await;
    assert_eq!(both.front.get("/").await.text(), "Hello, World!\n");
    echoes(&mut socket, TEXT, b"still here").await;
    let listed = "GET / has changed to websocket";
    status(&both.front_site, listed, true).await;
    status(&both.behind_site, listed, true).await;
    drop(socket);
    both.front.event("drained").await;
    status(&both.behind_site, listed, false).await;
}

#[tokio::test]
async fn deadline_in_front_ends_it_on_both_sides() {
    let both = serving("[limits]\nupgrade_drain = \"100ms\"").await;
    let mut socket = open(&both.front, "/", "").await;
    echoes(&mut socket, TEXT, b"here").await;
    both.front_site
        .manifest("run = \"hello\"\n[limits]\nupgrade_drain = \"100ms\"");
    both.front.reload("swapped").await;
    let deadline = both.front.event("upgrade-deadline").await;
    assert!(deadline.text("held_by").contains("websocket"), "{deadline}");
    assert!(socket.closes().await);
    both.front.event("drained").await;
    status(&both.behind_site, "has changed to websocket", false).await;
}

#[tokio::test]
async fn reload_behind_tells_the_client_by_1012() {
    let both = serving("").await;
    let mut socket = open(&both.front, "/", "").await;
    echoes(&mut socket, TEXT, b"here").await;
    both.behind_site.manifest("run = \"hello\"");
    both.behind.reload("swapped").await;
    let close = Frame::read(&mut socket).await.expect("a close frame");
    assert_eq!(close.code(), Some(1012));
    assert!(socket.closes().await);
}
