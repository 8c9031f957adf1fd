//! A client that keeps a number of connections busy and spends little on it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// The number of requests in flight at any time, each on its own connection.
pub(crate) const CONNECTIONS: usize = 32;

/// A browser's request.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\
    host: www.example.com\r\n\
    user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    accept-language: en-GB,en;q=0.5\r\n\
    accept-encoding: gzip, deflate, br, zstd\r\n\
    referer: https://www.example.com/index.html\r\n\
    cookie: session=0123456789abcdef; theme=dark\r\n\
    connection: keep-alive\r\n\
    upgrade-insecure-requests: 1\r\n\
    x-request-id: 7f1d3a52-6e0c-4d1f-9c58-0a6c8d9e1b2f\r\n\r\n";

/// Connections to one server.
pub(crate) struct Client {
    streams: Vec<TcpStream>,
    /// Every response has the length of the first: a date's length is constant.
    length: usize,
}

impl Client {
    pub(crate) async fn connect(address: &str, set: usize) -> Self {
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await.expect("a server");
            stream.set_nodelay(true).expect("a socket");
            streams.push(stream);
        }
        let length = probe(&mut streams[0], set).await;
        Self { streams, length }
    }

    /// Sends requests for `time` and returns the number of responses.
    pub(crate) async fn run(&mut self, time: Duration) -> u64 {
        let count = Rc::new(Cell::new(0));
        let end = Instant::now() + time;
        let over = Rc::new(Cell::new(false));
        let local = LocalSet::new();
        let mut tasks = Vec::new();
        for mut stream in self.streams.drain(..) {
            let (count, over, length) = (Rc::clone(&count), Rc::clone(&over), self.length);
            tasks.push(local.spawn_local(async move {
                let mut buffer = [0; 4096];
                while !over.get() {
                    exchange(&mut stream, length, &mut buffer).await;
                    count.set(count.get() + 1);
                }
                stream
            }));
        }
        local
            .run_until(async {
                tokio::time::sleep_until(end).await;
                over.set(true);
                for task in tasks {
                    self.streams
                        .push(task.await.expect("a connection that stays"));
                }
            })
            .await;
        count.get()
    }
}

async fn exchange(stream: &mut TcpStream, length: usize, buffer: &mut [u8]) {
    stream
        .write_all(REQUEST)
        .await
        .expect("a server that reads");
    let mut got = 0;
    while got < length {
        let count = stream
            .read(&mut buffer[got..])
            .await
            .expect("a server that answers");
        assert!(count > 0, "the server has closed a connection");
        got += count;
    }
    assert!(got == length && buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// The length of a response, in which `set` layers must have left their header.
async fn probe(stream: &mut TcpStream, set: usize) -> usize {
    stream
        .write_all(REQUEST)
        .await
        .expect("a server that reads");
    let mut received = Vec::new();
    while !received.ends_with(b"Hello, World!\n") {
        let count = stream
            .read_buf(&mut received)
            .await
            .expect("a server that answers");
        assert!(count > 0, "the server has closed a connection");
    }
    let text = String::from_utf8_lossy(&received);
    assert_eq!(text.matches("\r\nx-layer-").count(), set, "{text}");
    assert!(
        text.contains("content-length: 14") && text.contains("\r\ndate: "),
        "{text}"
    );
    received.len()
}
