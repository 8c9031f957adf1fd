//! Heads and responses.

use std::fmt;

/// The head of a response.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Its status.
    pub status: u16,
    /// Names in lower case, and values, in order.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Parses a head without the empty line at its end.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?;
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Some(Self {
            status: status.parse().ok()?,
            headers: headers.collect::<Option<_>>()?,
        })
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.headers.iter().filter(move |(key, _)| key == name);
        values.map(|(_, value)| value.as_str())
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.header("transfer-encoding") == Some("chunked")
    }
}

/// A complete response.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// Its head.
    pub head: Head,
    /// Its body, decoded.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Vec<(String, String)>,
}

impl Response {
    /// Its status.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.head.status, self.text())
    }
}
