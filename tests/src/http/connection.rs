//! One connection, down to single bytes and chunks.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Head, Response};
use crate::deadline::within;

/// A connection to a host. Each wait ends at [`DEADLINE`](crate::DEADLINE).
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// Bytes that were received and not yet read.
    received: Vec<u8>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
    Other(Box<dyn Socket>),
}

/// What carries bytes both ways, as a stream of HTTP/2 does.
pub trait Socket: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Socket for S {}

macro_rules! either {
    ($stream:expr, $s:ident => $do:expr) => {
        match $stream {
            Stream::Tcp($s) => $do,
            Stream::Unix($s) => $do,
            Stream::Tls($s) => $do,
            Stream::Other($s) => $do,
        }
    };
}

impl Connection {
    /// Connects to `host:port`.
    ///
    /// # Panics
    ///
    /// If the connection is refused.
    pub async fn tcp(address: &str) -> Self {
        let connected = Self::try_tcp(address).await;
        connected.unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    /// As [`tcp`](Self::tcp), but returns the error.
    ///
    /// # Errors
    ///
    /// If the connection is refused.
    pub async fn try_tcp(address: &str) -> io::Result<Self> {
        let stream = within("connect", TcpStream::connect(address)).await?;
        Ok(Self::new(Stream::Tcp(stream)))
    }

    /// Connects to a socket file.
    ///
    /// # Panics
    ///
    /// If the connection is refused.
    pub async fn unix(path: &Path) -> Self {
        let stream = within("connect", UnixStream::connect(path)).await;
        let stream = stream.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::new(Stream::Unix(stream))
    }

    /// Connects to `host:port` by TLS, and asks for the server `name`.
    ///
    /// # Errors
    ///
    /// If the connection is refused, or the handshake fails.
    pub async fn tls(address: &str, name: &str, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let stream = within("connect", TcpStream::connect(address)).await?;
        Self::tls_over(stream, name, config).await
    }

    /// The same over a connection that is open.
    ///
    /// # Errors
    ///
    /// If the handshake fails.
    pub async fn tls_over(
        stream: TcpStream,
        name: &str,
        config: &Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = within("a handshake", connector.connect(name, stream)).await?;
        Ok(Self::new(Stream::Tls(Box::new(stream))))
    }

    /// Over what the test has opened by itself.
    pub fn over(socket: impl Socket + 'static) -> Self {
        Self::new(Stream::Other(Box::new(socket)))
    }

    /// The TLS session of the connection.
    ///
    /// # Panics
    ///
    /// Without TLS.
    pub fn session(&self) -> &ClientConnection {
        match &self.stream {
            Stream::Tls(stream) => stream.get_ref().1,
            _ => panic!("no TLS"),
        }
    }

    fn new(stream: Stream) -> Self {
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// If the host has closed the connection.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.try_send(bytes.as_ref()).await;
        sent.expect("the host reads what is sent");
    }

    /// As [`send`](Self::send), but returns the error.
    ///
    /// # Errors
    ///
    /// If the host has closed the connection.
    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        within("send", async {
            either!(&mut self.stream, s => s.write_all(bytes).await)?;
            either!(&mut self.stream, s => s.flush().await)
        })
        .await
    }

    /// Closes the client's half: it sends nothing more.
    ///
    /// # Panics
    ///
    /// If the connection has ended.
    pub async fn half_close(&mut self) {
        let closed = either!(&mut self.stream, s => s.shutdown().await);
        closed.expect("an open connection");
    }

    /// Receives more bytes. Returns 0 at the end of the connection.
    async fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = either!(&mut self.stream, s => s.read(&mut buffer).await)?;
        self.received.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// The bytes before the next `mark`. Fails if the connection ends first.
    async fn until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            let found = self.received.windows(mark.len()).position(|w| w == mark);
            if let Some(at) = found {
                let rest = self.received.split_off(at + mark.len());
                let mut text = std::mem::replace(&mut self.received, rest);
                text.truncate(at);
                return Ok(text);
            }
            if self.receive().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.received.len() < count {
            if self.receive().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.received.split_off(count);
        Ok(std::mem::replace(&mut self.received, rest))
    }

    /// The next head, of an interim response too.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn head(&mut self) -> Head {
        self.try_head().await.expect("a response")
    }

    /// The next head.
    ///
    /// # Errors
    ///
    /// If the connection ends first.
    pub async fn try_head(&mut self) -> io::Result<Head> {
        let text = within("a head", self.until(b"\r\n\r\n")).await?;
        let text = String::from_utf8_lossy(&text);
        Ok(Head::parse(&text).unwrap_or_else(|| panic!("invalid head: {text:?}")))
    }

    /// The next chunk of a chunked body; the last one is empty.
    ///
    /// # Errors
    ///
    /// If the connection ends first.
    pub async fn chunk(&mut self) -> io::Result<Vec<u8>> {
        within("a chunk", async {
            let size = self.until(b"\r\n").await?;
            let size = String::from_utf8_lossy(&size).into_owned();
            let size = usize::from_str_radix(&size, 16)
                .unwrap_or_else(|_| panic!("invalid chunk size: {size:?}"));
            let mut chunk = self.exactly(size + if size == 0 { 0 } else { 2 }).await?;
            chunk.truncate(size);
            Ok(chunk)
        })
        .await
    }

    /// The next `count` bytes of a body.
    ///
    /// # Errors
    ///
    /// If the connection ends first.
    pub async fn part(&mut self, count: usize) -> io::Result<Vec<u8>> {
        within("a part of a body", self.exactly(count)).await
    }

    /// The trailers after the last chunk.
    ///
    /// # Errors
    ///
    /// If the connection ends first.
    pub async fn trailers(&mut self) -> io::Result<Vec<(String, String)>> {
        within("trailers", async {
            let mut trailers = Vec::new();
            loop {
                let line = self.until(b"\r\n").await?;
                let line = String::from_utf8_lossy(&line).into_owned();
                let Some((name, value)) = line.split_once(':') else {
                    return Ok(trailers);
                };
                trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        })
        .await
    }

    /// The next response with its body.
    ///
    /// # Panics
    ///
    /// If it is incomplete.
    pub async fn response(&mut self) -> Response {
        self.try_response().await.expect("a complete response")
    }

    /// The next response.
    ///
    /// # Errors
    ///
    /// If the connection ends before the response does.
    pub async fn try_response(&mut self) -> io::Result<Response> {
        let mut response = Response {
            head: self.try_head().await?,
            ..Response::default()
        };
        response.body = self.body(&response.head).await?;
        if response.head.is_chunked() {
            response.trailers = self.trailers().await?;
        }
        Ok(response)
    }

    /// The body after this head, decoded, without trailers. The head determines its length.
    ///
    /// # Errors
    ///
    /// If the connection ends before the response does.
    pub async fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if head.is_chunked() {
            loop {
                let chunk = self.chunk().await?;
                if chunk.is_empty() {
                    break;
                }
                body.extend(chunk);
            }
        } else if let Some(length) = head.header("content-length") {
            let length = length.parse().expect("a length is a number");
            body = within("a body", self.exactly(length)).await?;
        }
        Ok(body)
    }

    /// Everything until the host closes the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        // A reset is an end too.
        within("the end", async {
            while self.receive().await.unwrap_or(0) > 0 {}
        })
        .await;
        std::mem::take(&mut self.received)
    }

    /// Whether the host closes the connection without sending anything.
    pub async fn closes(&mut self) -> bool {
        // A reset is an end too.
        let received = within("the end", self.receive()).await.unwrap_or(0);
        received == 0 && self.received.is_empty()
    }

    /// Sends a GET and returns the response.
    pub async fn get(&mut self, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"))
            .await;
        self.response().await
    }

    /// Sends a POST with a body of known length and returns the response.
    pub async fn post(&mut self, target: &str, body: &[u8]) -> Response {
        self.send(format!(
            "POST {target} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ))
        .await;
        self.send(body).await;
        self.response().await
    }
}
