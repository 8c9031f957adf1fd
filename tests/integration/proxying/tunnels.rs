//! Connections that change to another protocol, through `proxy`.

use stackup_tests::{Host, Site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Server, manifest, read_head};

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

/// A server that sends back what it gets in the protocol `echo`, and the protocols that each request offers.
fn echoing() -> (Server, tokio::sync::mpsc::UnboundedReceiver<Option<String>>) {
    let (seen, offers) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                let offer = head.lines().find_map(|line| line.strip_prefix("upgrade: "));
                seen.send(offer.map(str::to_owned)).expect("the test waits");
                if offer.is_none() {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain";
                    stream.write_all(answer).await.expect("it is there");
                    continue;
                }
                stream
                    .write_all(SWITCHED.as_bytes())
                    .await
                    .expect("it is there");
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer).await.unwrap_or(0) {
                        0 => break,
                        read => stream
                            .write_all(&buffer[..read])
                            .await
                            .expect("it is there"),
                    }
                }
                stream.write_all(b"bye").await.expect("it is there");
                return;
            }
        }
    });
    (server, offers)
}

fn offer(protocols: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: {protocols}\r\n\r\n")
}

#[tokio::test]
async fn other_protocols_pass_but_http_does_not() {
    let (server, mut offers) = echoing();
    let site = Site::new(&manifest(&[&server], ""), &["proxy"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection.send(offer("h2c, echo, TLS/1.2")).await;
    let head = connection.head().await;
    assert_eq!((head.status, head.header("upgrade")), (101, Some("echo")));
    assert_eq!(head.header("via"), Some("1.1 stackup"));
    assert_eq!(offers.recv().await, Some(Some("echo".to_owned())));
    connection.send("hello").await;
    assert_eq!(connection.part(5).await.expect("it is open"), b"hello");
    // A client that sends nothing more still gets what the server sends.
    connection.half_close().await;
    assert_eq!(connection.rest().await, b"bye");

    let mut smuggler = host.connect().await;
    smuggler.send(offer("h2c")).await;
    assert_eq!(smuggler.response().await.text(), "plain");
    assert_eq!(offers.recv().await, Some(None));
}

#[tokio::test]
async fn server_that_changes_to_what_nobody_offered_is_a_bad_gateway() {
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await.expect("a request");
        stream
            .write_all(SWITCHED.as_bytes())
            .await
            .expect("it is there");
    });
    let site = Site::new(&manifest(&[&server], ", retries = 0"), &["proxy"]);
    let host = Host::start(&site).await;
    for request in [
        offer("websocket"),
        "GET / HTTP/1.1\r\nhost: test\r\n\r\n".to_owned(),
    ] {
        let mut connection = host.connect().await;
        connection.send(request).await;
        assert_eq!(connection.response().await.status(), 502);
        host.message("which nobody has asked for").await;
    }
}
