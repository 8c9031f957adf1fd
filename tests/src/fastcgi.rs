//! A client of FastCGI, as a web server in front is one, which shows what is on the wire.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::http::Connection;

/// The types of records (FastCGI 1.0, section 8).
pub mod kind {
    #![expect(missing_docs, reason = "the names are the specification's")]

    pub const BEGIN_REQUEST: u8 = 1;
    pub const ABORT_REQUEST: u8 = 2;
    pub const END_REQUEST: u8 = 3;
    pub const PARAMS: u8 = 4;
    pub const STDIN: u8 = 5;
    pub const STDOUT: u8 = 6;
    pub const GET_VALUES: u8 = 9;
    pub const GET_VALUES_RESULT: u8 = 10;
    pub const UNKNOWN_TYPE: u8 = 11;
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its type.
    pub kind: u8,
    /// The request's id.
    pub id: u16,
    /// Its content.
    pub content: Vec<u8>,
}

impl Record {
    /// The bytes of a record.
    pub fn bytes(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
        let [high, low] = id.to_be_bytes();
        let [longer, length] = (content.len() as u16).to_be_bytes();
        // With padding, as nginx sends it.
        let padding = (8 - content.len() % 8) % 8;
        let mut bytes = vec![1, kind, high, low, longer, length, padding as u8, 0];
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len() + padding, 0);
        bytes
    }

    /// The begin of a request of this role: 1 is a responder. `keep` has the connection stay open.
    pub fn begin(id: u16, role: u8, keep: bool) -> Vec<u8> {
        Self::bytes(
            kind::BEGIN_REQUEST,
            id,
            &[0, role, keep.into(), 0, 0, 0, 0, 0],
        )
    }

    /// A stream of this type, with its end.
    pub fn stream(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
        let records = content.chunks(0xffff).chain([&[][..]]);
        records
            .flat_map(|content| Self::bytes(kind, id, content))
            .collect()
    }

    /// All of a request for `target` without a body.
    pub fn get(id: u16, target: &str, keep: bool) -> Vec<u8> {
        let params = params(&[("REQUEST_URI", target), ("CONTENT_LENGTH", "")]);
        [
            Self::begin(id, 1, keep),
            Self::stream(kind::PARAMS, id, &params),
            Self::bytes(kind::STDIN, id, &[]),
        ]
        .concat()
    }

    /// A request that is a POST with these params, without its body.
    pub fn post(id: u16, more: &[(&str, &str)], keep: bool) -> Vec<u8> {
        let params = params(&[&[("REQUEST_METHOD", "POST")], more].concat());
        let begin = Self::begin(id, 1, keep);
        [begin, Self::stream(kind::PARAMS, id, &params)].concat()
    }
}

/// Name-value pairs: those of every request, unless they are among these, and these.
pub fn params(more: &[(&str, &str)]) -> Vec<u8> {
    let usual = [
        ("REQUEST_METHOD", "GET"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("HTTP_HOST", "test"),
    ];
    let is_new = |usual: &&(&str, &str)| more.iter().all(|(name, _)| *name != usual.0);
    let mut bytes = Vec::new();
    for (name, value) in usual.iter().filter(is_new).chain(more) {
        for part in [name, value] {
            match part.len() {
                short @ ..=0x7f => bytes.push(short as u8),
                long => bytes.extend_from_slice(&(long as u32 | 0x8000_0000).to_be_bytes()),
            }
        }
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes
}

/// A response, without its records.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CgiResponse {
    /// The id of its request.
    pub id: u16,
    /// Its head, which ends with an empty line.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
    /// How its request has ended, as FastCGI has it: 0 is complete.
    pub protocol_status: u8,
}

impl CgiResponse {
    /// Its status.
    ///
    /// # Panics
    ///
    /// If it has none.
    pub fn status(&self) -> u16 {
        let status = self.head.strip_prefix("Status: ").expect("`Status` first");
        status[..3].parse().expect("a status is a number")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection to a host.
#[derive(Debug)]
pub struct FastcgiClient(Connection);

impl FastcgiClient {
    /// Connects to `host:port`.
    ///
    /// # Panics
    ///
    /// If the connection is refused.
    pub async fn tcp(address: &str) -> Self {
        Self(Connection::tcp(address).await)
    }

    /// Connects to a socket file.
    ///
    /// # Panics
    ///
    /// If the connection is refused.
    pub async fn unix(path: &Path) -> Self {
        Self(Connection::unix(path).await)
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// If the host has closed the connection.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.send(bytes).await;
    }

    /// As [`send`](Self::send), but returns the error.
    ///
    /// # Errors
    ///
    /// If the host has closed the connection.
    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.try_send(bytes).await
    }

    /// The next record.
    ///
    /// # Errors
    ///
    /// If the connection ends first.
    pub async fn try_record(&mut self) -> io::Result<Record> {
        let header = self.0.part(8).await?;
        let [1, kind, high, low, longer, length, padding, _] = header[..] else {
            panic!("no record of FastCGI: {header:?}");
        };
        let length = usize::from(u16::from_be_bytes([longer, length]));
        let mut content = self.0.part(length + usize::from(padding)).await?;
        content.truncate(length);
        let id = u16::from_be_bytes([high, low]);
        Ok(Record { kind, id, content })
    }

    /// The next record.
    ///
    /// # Panics
    ///
    /// If the connection ends first.
    pub async fn record(&mut self) -> Record {
        self.try_record().await.expect("a record")
    }

    /// The next response, to the end of its request.
    ///
    /// # Errors
    ///
    /// If the connection ends first.
    pub async fn try_response(&mut self) -> io::Result<CgiResponse> {
        let mut response = CgiResponse::default();
        let mut sent = Vec::new();
        loop {
            let record = self.try_record().await?;
            response.id = record.id;
            match record.kind {
                kind::STDOUT => sent.extend(record.content),
                kind::END_REQUEST => {
                    response.protocol_status = record.content[4];
                    break;
                }
                other => panic!("a record of type {other} in a response"),
            }
        }
        let end = sent.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(end) = end {
            response.body = sent.split_off(end + 4);
        }
        response.head = String::from_utf8(sent).expect("a head is text");
        Ok(response)
    }

    /// The next response.
    ///
    /// # Panics
    ///
    /// If it is incomplete.
    pub async fn response(&mut self) -> CgiResponse {
        self.try_response().await.expect("a complete response")
    }

    /// The response to a GET, after which the connection is open if the host keeps it.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn get(&mut self, target: &str) -> CgiResponse {
        self.send(Record::get(1, target, true)).await;
        self.response().await
    }

    /// Whether the host closes the connection without sending anything.
    pub async fn closes(&mut self) -> bool {
        self.0.closes().await
    }

    /// Whether the host has closed the connection already.
    pub async fn is_closed(&mut self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.0.closes())
            .await
            .unwrap_or(false)
    }
}
