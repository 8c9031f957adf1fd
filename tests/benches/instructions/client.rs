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
        Self {
            stream,
            request,
            response: Vec::new(),
        }
    }

    /// Sends this many requests, each after the response to the one before.
    pub(crate) fn run(&mut self, requests: u64) {
        for _ in 0..requests {
            self.send();
            self.receive();
        }
    }

    /// Reads a response. Those of a cache differ in length: its headers have ages.
    fn receive(&mut self) {
        const HEAD_END: &[u8] = b"\r\n\r\n";
        self.response.clear();
        let head = loop {
            let ends = self.response.windows(HEAD_END.len());
            match ends.into_iter().position(|end| end == HEAD_END) {
                Some(at) => break at + HEAD_END.len(),
                None => self.read_on(),
            }
        };
        let text = String::from_utf8_lossy(&self.response[..head]).into_owned();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        let length: Option<usize> = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let Some(length) = length else {
            // Chunks: the last one is empty.
            while !self.response.ends_with(b"\r\n0\r\n\r\n") {
                self.read_on();
            }
            return;
        };
        while self.response.len() < head + length {
            self.read_on();
        }
    }

    fn send(&mut self) {
        self.stream
            .write_all(self.request.as_bytes())
            .expect("a connection");
    }

    fn read_on(&mut self) {
        let mut piece = [0; 4096];
        let read = self.stream.read(&mut piece).expect("a response");
        assert!(read > 0, "the response is cut off");
        self.response.extend_from_slice(&piece[..read]);
    }
}
