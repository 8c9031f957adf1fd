//! Requests to scripted servers, on unix sockets and on TCP.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use stackup_plugin::abi::host::{
    Failure, FetchFailure, FetchPhase, FetchRequest, ForwardedOffer, HostBody, HostResponse,
};
use stackup_tests::tls::TestCa;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::FetchHub;

mod failures;
mod limits;
mod pool;
mod tls;
mod tunnel;

/// A server on a unix socket. What each of its connections does is up to the test.
struct Server {
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start<F>(connection: impl Fn(UnixStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("server.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream));
            }
        });
        Self {
            socket,
            _folder: folder,
        }
    }

    /// Answers each request without a body with this text; the heads go to the list.
    fn answering(answer: &'static str) -> (Self, Arc<Mutex<Vec<String>>>) {
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&heads);
        let server = Self::start(move |mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                while let Some(head) = read_until(&mut stream, "\r\n\r\n").await {
                    seen.lock().unwrap().push(head);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        (server, heads)
    }

    fn get(&self, target: &str) -> FetchRequest {
        fetch(target, Some(self.socket.clone()))
    }
}

/// What comes up to and with `end`; none if the client closes before.
async fn read_until(stream: &mut UnixStream, end: &str) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        read.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(read).unwrap())
}

fn fetch(target: &str, socket: Option<PathBuf>) -> FetchRequest {
    let request = Request::get(target).body(HostBody::Empty).unwrap();
    FetchRequest {
        socket,
        ..FetchRequest::new("test", request)
    }
}

async fn body(response: HostResponse) -> Result<Bytes, Failure> {
    let (_, _, body) = response.into_parts();
    body.collect()
        .await
        .map(http_body_util::Collected::to_bytes)
}

fn failure(sent: Result<HostResponse, FetchFailure>) -> FetchFailure {
    sent.err().expect("there is no response")
}

fn hub() -> FetchHub {
    FetchHub::new(Handle::current())
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn connection_is_kept_for_the_next_request_and_counted() {
    let (server, heads) = Server::answering(HELLO);
    let hub = hub();
    for _ in 0..3 {
        let response = hub.fetch(server.get("http://a.test/x?y")).await.unwrap();
        assert_eq!(hub.status()[0].in_flight, 1);
        assert_eq!(body(response).await.unwrap(), "hello");
    }
    let status = &hub.status()[0];
    assert_eq!((status.plugin.as_str(), status.in_flight), ("test", 0));
    assert_eq!(status.connections, 1, "three requests, one connection");
    let expected = "GET /x?y HTTP/1.1\r\nhost: a.test\r\n\r\n";
    assert_eq!(*heads.lock().unwrap(), [expected; 3]);
}

#[tokio::test]
async fn each_plugin_and_each_socket_has_its_connections() {
    let ((one, _), (other, _)) = (Server::answering(HELLO), Server::answering(HELLO));
    let hub = hub();
    for server in [&one, &other] {
        let response = hub.fetch(server.get("http://same/")).await.unwrap();
        body(response).await.unwrap();
    }
    let mut foreign = one.get("http://same/");
    foreign.plugin = "second";
    body(hub.fetch(foreign).await.unwrap()).await.unwrap();
    let connections: Vec<_> = hub
        .status()
        .iter()
        .map(|plugin| plugin.connections)
        .collect();
    assert_eq!(connections, [1, 2]);
}

#[tokio::test]
async fn tcp_is_reached_by_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 512];
        let count = stream.read(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..count]).into_owned();
        let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{head}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let target = format!("http://name:word@localhost:{port}/");
    let response = hub().fetch(fetch(&target, None)).await.unwrap();
    let head = body(response).await.unwrap();
    let expected = format!("GET / HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n");
    assert_eq!(head, expected);
}

#[tokio::test]
async fn what_describes_a_connection_stays_on_it() {
    let (server, heads) = Server::answering(
        "HTTP/1.1 200 OK\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nrack.session: x\r\n\
         x-end: 1\r\ncontent-length: 0\r\n\r\n",
    );
    let mut request = server.get("http://a.test/");
    for (name, value) in [
        ("connection", "x-mine, close, content-length, host"),
        ("x-mine", "1"),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("upgrade", "h2c"),
        ("proxy-connection", "close"),
        ("expect", "100-continue"),
        ("rack.session", "secret"),
        ("x-end", "1"),
    ] {
        let value = HeaderValue::from_static(value);
        request.request.headers_mut().insert(name, value);
    }
    let host = HeaderValue::from_static("other.test");
    request.request.headers_mut().insert("host", host);
    let response = hub().fetch(request).await.unwrap();
    let names: Vec<_> = response
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    assert_eq!(names, ["x-end", "content-length"]);
    let head = &heads.lock().unwrap()[0];
    assert_eq!(
        head,
        "GET / HTTP/1.1\r\nx-end: 1\r\nhost: other.test\r\n\r\n"
    );
}

/// A body whose frames a test sends.
fn channel() -> (
    mpsc::UnboundedSender<Result<Frame<Bytes>, Failure>>,
    HostBody,
) {
    struct Frames(mpsc::UnboundedReceiver<Result<Frame<Bytes>, Failure>>);
    impl Body for Frames {
        type Data = Bytes;
        type Error = Failure;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
            self.0.poll_recv(cx)
        }
    }
    let (sender, frames) = mpsc::unbounded_channel();
    (sender, HostBody::Stream(Box::pin(Frames(frames))))
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways() {
    let server = Server::start(|mut stream| async move {
        let head = read_until(&mut stream, "\r\n\r\n").await.unwrap();
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        // Each piece comes back before the next one is sent.
        for piece in ["3\r\none\r\n", "3\r\ntwo\r\n"] {
            assert_eq!(read_until(&mut stream, piece).await.unwrap(), piece);
            stream.write_all(piece.as_bytes()).await.unwrap();
        }
        let end = read_until(&mut stream, "\r\n\r\n").await.unwrap();
        assert_eq!(end, "0\r\nx-count: 2\r\n\r\n");
        stream.write_all(b"0\r\nx-sum: 7\r\n\r\n").await.unwrap();
    });
    let (frames, up) = channel();
    // hyper leaves out such a body of a GET, if the request does not say how it is framed.
    let mut request = server.get("http://a.test/");
    let announced = HeaderValue::from_static("x-count");
    request.request.headers_mut().insert("trailer", announced);
    request.request = request.request.map(|_| up);
    let response = hub().fetch(request).await.unwrap();
    let (_, _, mut down) = response.into_parts();
    for piece in ["one", "two"] {
        frames
            .send(Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))
            .unwrap();
        let frame = down.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-count", HeaderValue::from_static("2"));
    frames.send(Ok(Frame::trailers(trailers))).unwrap();
    drop(frames);
    let frame = down.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap()["x-sum"], "7");
}

#[tokio::test]
async fn dropping_the_call_or_the_body_closes_the_connection() {
    let (closed, mut closings) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let closed = closed.clone();
        async move {
            let head = read_until(&mut stream, "\r\n\r\n").await.unwrap();
            if head.starts_with("GET /body") {
                let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1";
                stream.write_all(begun).await.unwrap();
            }
            closed.send(()).unwrap();
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
            closed.send(()).unwrap();
        }
    });
    let hub = hub();
    let mut call = hub.fetch(server.get("http://a.test/call"));
    tokio::select! {
        biased;
        _ = &mut call => panic!("it has no answer"),
        begun = closings.recv() => assert!(begun.is_some()),
    }
    drop(call);
    closings.recv().await.unwrap();
    assert_eq!(hub.status()[0].in_flight, 0);
    let response = hub.fetch(server.get("http://a.test/body")).await.unwrap();
    closings.recv().await.unwrap();
    drop(response);
    closings.recv().await.unwrap();
    assert_eq!(hub.status()[0].in_flight, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn thread_outside_of_the_runtime_may_call() {
    let (server, _) = Server::answering(HELLO);
    let (hub, request) = (hub(), server.get("http://a.test/"));
    let read = std::thread::spawn(move || {
        block_on(async move {
            let response = hub.fetch(request).await.unwrap();
            body(response).await.unwrap()
        })
    });
    let read = tokio::task::spawn_blocking(|| read.join().unwrap()).await;
    assert_eq!(read.unwrap(), "hello");
}

/// Runs a future on this thread, which is in no runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
