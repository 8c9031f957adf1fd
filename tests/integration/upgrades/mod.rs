//! Connections that change to another protocol: how they begin, go on, and end.

mod curl;
mod endings;
mod http2;
mod interim;
mod offers;
mod reloads;

use stackup_tests::{Connection, Host, Site};

/// `upgrades` alone, with these limits.
fn manifest(limits: &str) -> String {
    format!("run = \"upgrades\"\n[limits]\n{limits}\n")
}

async fn serving(limits: &str) -> (Site, Host) {
    let site = Site::new(&manifest(limits), &["upgrades", "hello"]);
    let host = Host::start(&site).await;
    (site, host)
}

/// The head of a request that offers to change to `echo`.
fn offer(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
}

/// A connection that has changed.
async fn open(host: &Host, path: &str) -> Connection {
    let mut connection = host.connect().await;
    connection.send(offer(path)).await;
    let head = connection.head().await;
    assert_eq!(head.status, 101, "{head:?}");
    connection
}

async fn echoes(connection: &mut Connection, text: &str) {
    connection.send(text).await;
    let answer = connection.part(text.len()).await.expect("it lasts");
    assert_eq!(answer, text.as_bytes());
}
