//! A client that sends the same request again and again on one connection.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use stackup_tests::browser::BROWSER_HEADERS;

pub(crate) struct Client {
    stream: TcpStream,
    request: String,
    response: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: &str, target: &str) -> Self {
        let mut request = format!("GET {target} HTTP/1.1\r\n");
        for (name, value) in BROWSER_HEADERS {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        request.push_str("\r\n");
        let stream = TcpStream::connect(address).expect("a server");
        stream.set_nodelay(true).expect("a socket");
        let mut client = Self {
            stream,
            request,
            response: Vec::new(),
        };
        client.first();
        client
    }

    /// Reads byte by byte where the first response ends: all have its length, since a date's is constant.
    fn first(&mut self) {
        self.send();
        while !self.response.ends_with(b"\r\n\r\n") {
            self.read_on(1);
        }
        let head = String::from_utf8_lossy(&self.response).into_owned();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        self.read_on(length.expect("a content-length"));
    }

    /// Sends this many requests, each after the response to the one before.
    pub(crate) fn run(&mut self, requests: u64) {
        for _ in 0..requests {
            self.send();
            self.stream
                .read_exact(&mut self.response)
                .expect("a response");
        }
        assert!(self.response.starts_with(b"HTTP/1.1 200 "));
    }

    fn send(&mut self) {
        self.stream
            .write_all(self.request.as_bytes())
            .expect("a connection");
    }

    fn read_on(&mut self, count: usize) {
        let read = self.response.len();
        self.response.resize(read + count, 0);
        self.stream
            .read_exact(&mut self.response[read..])
            .expect("a response");
    }
}
