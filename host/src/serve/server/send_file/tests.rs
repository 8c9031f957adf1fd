//! A connection of hyper's over a socket that notes what is written and what the system would send.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use stackup_plugin::abi::host::{FileBody, HostBody};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::client_stream::ClientStream;
use super::super::connection_state::ConnectionState;
use super::super::timed_socket::TimedSocket;
use super::*;

/// What has left.
#[derive(Debug, Default)]
struct Sent {
    bytes: Vec<u8>,
    /// How many bytes of it the system has sent from a file, by the start of each call.
    from_file: Vec<(u64, usize)>,
}

/// The client of one request, who takes at most so many bytes at once, and then waits a moment.
struct Client {
    request: &'static [u8],
    takes: usize,
    waits: bool,
    sent: Arc<Mutex<Sent>>,
}

impl Client {
    /// Whether it takes something now; it is ready again at once.
    fn is_ready(&mut self, cx: &mut Context<'_>) -> bool {
        self.waits = !self.waits;
        if self.waits {
            cx.waker().wake_by_ref();
        }
        !self.waits
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.request.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(std::mem::take(&mut self.request));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.is_ready(cx) {
            return Poll::Pending;
        }
        assert!(!is_placeholder(bytes), "only the file's bytes leave");
        let taken = bytes.len().min(self.takes);
        self.sent.lock().unwrap().bytes.extend(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(cx, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl SendFile for Client {
    const SENDS_FILES: bool = true;

    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: BorrowedFd<'_>,
        start: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        if !self.is_ready(cx) {
            return Poll::Pending;
        }
        let mut bytes = vec![0; length.min(self.takes)];
        let read = rustix::io::pread(file, &mut bytes, start)?;
        let mut sent = self.sent.lock().unwrap();
        sent.bytes.extend(&bytes[..read]);
        sent.from_file.push((start, read));
        Poll::Ready(Ok(read))
    }

    fn poll_write_before_file(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write_vectored(cx, slices)
    }
}

/// A file of so many bytes, none like those around it.
fn file(length: usize) -> (Arc<File>, Vec<u8>) {
    let content: Vec<_> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&content, 0).unwrap();
    (Arc::new(file), content)
}

/// What a client gets who asks for `length` bytes of the file from `start` on, and how the connection has ended.
async fn answered(
    file: &Arc<File>,
    start: u64,
    length: usize,
    takes: usize,
) -> (Sent, Result<(), hyper::Error>) {
    let sent = Arc::new(Mutex::new(Sent::default()));
    let client = Client {
        request: b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
        takes,
        waits: false,
        sent: Arc::clone(&sent),
    };
    let state = Arc::new(ConnectionState::accepted((0, 0)));
    state.files.open();
    let io = TokioIo::new(ClientStream::new(
        TimedSocket::new(client, &state, None),
        &state,
    ));
    let respond = service_fn(async |_: Request<Incoming>| {
        let read = HostBody::Full(vec![b'?'; length].into());
        let body = FileBody::of(read, Arc::clone(file), start);
        Ok::<_, Infallible>(Response::new(SentFile::take_over(body, &state, 0)))
    });
    let ended = http1::Builder::new().serve_connection(io, respond).await;
    let sent = std::mem::take(&mut *sent.lock().unwrap());
    (sent, ended)
}

#[tokio::test]
async fn system_sends_a_file_whatever_the_client_takes_at_once() {
    let length = 2 * CHUNK + 1000;
    let (file, content) = file(length);
    for (start, takes) in [(0, usize::MAX), (17, 100_000), (CHUNK - 1, 4096)] {
        let (sent, ended) = answered(&file, start as u64, length - start, takes).await;
        ended.unwrap();
        let body = sent.bytes.len() - (length - start);
        let head = String::from_utf8(sent.bytes[..body].to_vec()).unwrap();
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", length - start)));
        assert!(sent.bytes[body..] == content[start..], "{start} {takes}");
        let from_file: usize = sent.from_file.iter().map(|(_, sent)| sent).sum();
        assert_eq!(
            from_file,
            length - start,
            "nothing of it passed through here"
        );
    }
}

#[tokio::test]
async fn file_that_is_shorter_cuts_the_response() {
    let (file, content) = file(CHUNK + 10);
    // It was longer when the response began.
    let (sent, ended) = answered(&file, 0, 2 * CHUNK, usize::MAX).await;
    assert!(ended.is_err());
    assert!(
        sent.bytes.len() <= content.len() + 200,
        "it is never padded"
    );
}

#[tokio::test]
async fn body_that_a_layer_reads_is_no_file_any_more() {
    let (file, _) = file(10);
    let read = HostBody::Full("from memory".into());
    let mut body = FileBody::of(read, Arc::clone(&file), 0);
    assert!(matches!(body, HostBody::File(_)));
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "from memory");
    assert!(!matches!(body, HostBody::File(_)));
    // Nor is one that would end beyond all files.
    let beyond = FileBody::of(HostBody::Full("x".into()), file, u64::MAX);
    assert!(matches!(beyond, HostBody::Full(_)));
}
