//! WebSockets: their opening, every case of our list over RFC 6455, and what a reload does with them.

mod closing;
mod conformance;
pub(crate) mod frame;
mod http2;
mod nginx;
mod opening;
mod proxied;
mod reloads;

use stackup_tests::http::Head;
use stackup_tests::{Connection, Host};

use self::frame::Frame;

/// The key of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The head of a request that opens a WebSocket; `more` are further lines.
fn opening(host: &Host, path: &str, more: &str) -> String {
    let address = host.address();
    format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n{more}\r\n"
    )
}

async fn asked(host: &Host, request: &str) -> (Head, Connection) {
    let mut connection = host.connect().await;
    connection.send(request).await;
    (connection.head().await, connection)
}

/// An open WebSocket.
async fn open(host: &Host, path: &str, more: &str) -> Connection {
    let (head, connection) = asked(host, &opening(host, path, more)).await;
    assert_eq!(head.status, 101, "{head:?}");
    connection
}

/// Sends a message and gets it back.
async fn echoes(socket: &mut Connection, opcode: u8, payload: &[u8]) {
    socket.send(Frame::new(opcode, payload).bytes()).await;
    let frame = Frame::read(socket).await.expect("it is open");
    assert_eq!((frame.opcode, frame.payload.len()), (opcode, payload.len()));
    assert!(frame.payload == payload);
}
