//! WebSockets through a real nginx, in front of the host and behind its `proxy`. Without `nginx`, each test prints that it skips.

use stackup_tests::{Connection, Host, Site};

use super::frame::{CLOSE, Frame, TEXT};
use super::{KEY, echoes};
use crate::serving::nginx::Nginx;

/// As in docs/deploying.md.
const SERVER: &str = "
    location / {
        proxy_pass http://host;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $http_host;
    }
";

const HTTP: &str = "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }";

async fn serving() -> (Site, Host) {
    let site = Site::new("run = \"websockets\"", &["websockets", "hello"]);
    let host = Host::start(&site).await;
    (site, host)
}

/// An open WebSocket over this connection.
async fn open(mut connection: Connection) -> Connection {
    let request = format!(
        "GET / HTTP/1.1\r\nhost: test\r\norigin: http://test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
    );
    connection.send(request).await;
    let head = connection.head().await;
    assert_eq!(head.status, 101, "{head:?}");
    connection
}

#[tokio::test]
async fn nginx_in_front_passes_messages_closes_and_reloads() {
    let (site, host) = serving().await;
    let Some(nginx) = Nginx::start_with(host.address(), SERVER, HTTP).await else {
        return;
    };
    let mut first = open(nginx.connect().await).await;
    echoes(&mut first, TEXT, "hällo".as_bytes()).await;
    echoes(&mut first, TEXT, &vec![b'x'; 300_000]).await;
    let mut second = open(nginx.connect().await).await;
    first
        .send(Frame::new(CLOSE, 1000_u16.to_be_bytes()).bytes())
        .await;
    let close = Frame::read(&mut first).await.expect("a close frame");
    assert_eq!(close.code(), Some(1000));
    assert!(first.closes().await);
    echoes(&mut second, TEXT, b"still here").await;
    site.manifest("run = \"hello\"");
    host.reload("swapped").await;
    let close = Frame::read(&mut second).await.expect("a close frame");
    assert_eq!(close.code(), Some(1012));
    assert!(second.closes().await);
    // An ordinary request goes the same way.
    assert_eq!(
        nginx.connect().await.get("/").await.text(),
        "Hello, World!\n"
    );
}

#[tokio::test]
async fn nginx_behind_proxy_passes_messages_and_closes() {
    let (_site, host) = serving().await;
    let Some(nginx) = Nginx::start_with(host.address(), SERVER, HTTP).await else {
        return;
    };
    let to = format!("unix:{}", nginx.socket().display());
    let manifest = format!("run = {{ plugin = \"proxy\", config = {{ to = \"{to}\" }} }}");
    let front_site = Site::new(&manifest, &["proxy"]);
    let front = Host::start(&front_site).await;
    let mut socket = open(front.connect().await).await;
    echoes(&mut socket, TEXT, "hällo".as_bytes()).await;
    echoes(&mut socket, TEXT, &vec![b'x'; 300_000]).await;
    socket
        .send(Frame::new(CLOSE, 1000_u16.to_be_bytes()).bytes())
        .await;
    let close = Frame::read(&mut socket).await.expect("a close frame");
    assert_eq!(close.code(), Some(1000));
    assert!(socket.closes().await);
}
