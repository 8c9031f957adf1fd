//! WebSockets on streams of HTTP/2 (RFC 8441 §5).

use stackup_tests::{Connection, Host, Site, artifacts};

use super::echoes;
use super::frame::{BINARY, CLOSE, Frame, TEXT};
use crate::extended_connect::Http2;

const LISTEN: &str = "[server]\nlisten = [{ address = \"127.0.0.1:0\", http2 = true }]\n";

const VERSION: (&str, &str) = ("sec-websocket-version", "13");

async fn start(site: &Site) -> Host {
    let mut host = Host::launch(artifacts::stackup(), site, &[]);
    host.ready().await;
    host
}

async fn open(client: &mut Http2, path: &str) -> Connection {
    client.open(path, "websocket", &[VERSION]).await
}

/// Closes a socket, and gets the same code back.
async fn closes(mut socket: Connection) {
    let code = 1000_u16.to_be_bytes();
    socket.send(Frame::new(CLOSE, code).bytes()).await;
    let close = Frame::read(&mut socket).await.expect("a close frame");
    assert_eq!((close.opcode, close.code()), (CLOSE, Some(1000)));
    assert!(socket.closes().await);
}

#[tokio::test]
async fn sockets_share_a_connection_with_requests() {
    let site = Site::new(&format!("run = \"websockets\"\n{LISTEN}"), &["websockets"]);
    let host = start(&site).await;
    let mut client = Http2::connect(&host).await;
    let fields = [VERSION, ("sec-websocket-protocol", "v1")];
    let head = client.ask("/protocols", "websocket", &fields).await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["sec-websocket-protocol"], "v1");
    assert_eq!(head.headers().get("sec-websocket-accept"), None);
    let mut one = open(&mut client, "/").await;
    let mut other = open(&mut client, "/").await;
    for (opcode, payload) in [(TEXT, "hällo".as_bytes()), (BINARY, &vec![7; 300_000])] {
        echoes(&mut one, opcode, payload).await;
        echoes(&mut other, opcode, payload).await;
    }
    assert_eq!(client.get("/").await.0, 426, "a GET that offers nothing");
    // Masked as ever (RFC 8441 §5.1).
    let mut unmasked = Frame::new(TEXT, "x");
    unmasked.masked = false;
    one.send(unmasked.bytes()).await;
    let close = Frame::read(&mut one).await.expect("a close frame");
    assert_eq!(close.code(), Some(1002));
    closes(other).await;
}

#[tokio::test]
async fn mistakes_of_the_opening_and_pages_of_others_are_refused() {
    let site = Site::new(&format!("run = \"websockets\"\n{LISTEN}"), &["websockets"]);
    let host = start(&site).await;
    let mut client = Http2::connect(&host).await;
    let own = host.url();
    let other_scheme = own.replace("http:", "https:");
    for (origin, status) in [
        (own, 200),
        ("https://evil.test", 403),
        (other_scheme.as_str(), 403),
    ] {
        let fields = [VERSION, ("origin", origin)];
        let response = client.ask("/", "websocket", &fields).await;
        assert_eq!(response.status(), status, "{origin}");
    }
    assert_eq!(client.refused("/", "websocket", &[]).await.0, 426);
    closes(open(&mut client, "/").await).await;
}

#[tokio::test]
async fn reload_closes_the_sockets_of_a_replaced_handler_with_1012() {
    let map = |mark: &str| {
        format!(
            "run = \"websockets\"\n[limits]\nupgrade_drain = \"1h\"\n{LISTEN}\
             [[map]]\npath = \"/changed\"\n[[map.use]]\nplugin = \"stamp\"\nconfig.mark = \"{mark}\"\n[map.run]\nplugin = \"websockets\"\n"
        )
    };
    let site = Site::new(&map("one"), &["websockets", "stamp"]);
    let host = start(&site).await;
    let mut client = Http2::connect(&host).await;
    let mut kept = open(&mut client, "/kept").await;
    let mut changed = open(&mut client, "/changed").await;
    echoes(&mut changed, TEXT, b"one").await;
    site.manifest(&map("two"));
    host.reload("swapped").await;
    let close = Frame::read(&mut changed).await.expect("a close frame");
    assert_eq!(close.code(), Some(1012));
    assert!(changed.closes().await);
    echoes(&mut kept, TEXT, b"two").await;
    let mut next = open(&mut client, "/changed").await;
    echoes(&mut next, TEXT, b"again").await;
}

#[tokio::test]
async fn proxy_carries_a_socket_on_to_a_server_of_http_1() {
    let behind_site = Site::new("run = \"websockets\"", &["websockets"]);
    let behind = Host::start(&behind_site).await;
    let proxy = format!(
        "[run]\nplugin = \"proxy\"\nconfig = {{ to = \"{}\" }}\n",
        behind.url()
    );
    let site = Site::new(&format!("{LISTEN}{proxy}"), &["proxy"]);
    let host = start(&site).await;
    let mut client = Http2::connect(&host).await;
    let mut socket = open(&mut client, "/").await;
    echoes(&mut socket, BINARY, &vec![7; 300_000]).await;
    closes(socket).await;
    assert_eq!(client.refused("/", "websocket", &[]).await.0, 426);
}
