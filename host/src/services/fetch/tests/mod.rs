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
    FetchRequest {
        plugin: "test",
        request: Request::get(target).body(HostBody::Empty).unwrap(),
        socket,
        roots: None,
        connect_timeout: None,
        head_timeout: None,
        body_timeout: None,
        upgrade: None,
        informational: None,
        hold: None,
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

#[tokio::test]
async fn server_that_is_not_there_has_seen_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.sock");
    let refused = failure(hub().fetch(fetch("http://a.test/", Some(missing))).await);
    assert_eq!(refused.phase, FetchPhase::Connect);
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
    assert!(
        refused.message.contains("none.sock: no connection: "),
        "{refused:?}"
    );
    assert!(refused.message.contains("No such file"), "{refused:?}");
}

#[tokio::test]
async fn connection_that_breaks_may_have_shown_the_request() {
    let server = Server::start(|mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await.unwrap();
    });
    let broken = failure(hub().fetch(server.get("http://a.test/")).await);
    assert_eq!(broken.phase, FetchPhase::Exchange);
    assert_eq!(broken.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn each_wait_has_its_limit() {
    let (server, _) = Server::answering("");
    let mut request = server.get("http://a.test/");
    request.head_timeout = Some(Duration::from_millis(20));
    let late = failure(hub().fetch(request).await);
    assert_eq!(late.phase, FetchPhase::Exchange);
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(
        late.message.ends_with("no response within 20ms"),
        "{late:?}"
    );

    let (server, _) = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1");
    let mut request = server.get("http://a.test/");
    request.body_timeout = Some(Duration::from_millis(20));
    let response = hub().fetch(request).await.unwrap();
    let silent = body(response).await.unwrap_err();
    assert_eq!(silent.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(
        silent.message.contains("nothing came for 20ms"),
        "{silent:?}"
    );
}

/// Whether the body has nothing yet.
async fn is_waiting(body: &mut HostBody) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx).is_pending())).await
}

#[tokio::test]
async fn each_wait_counts_anew() {
    let (go, goes) = mpsc::unbounded_channel::<&str>();
    let goes = Arc::new(tokio::sync::Mutex::new(goes));
    let server = Server::start(move |mut stream| {
        let goes = Arc::clone(&goes);
        async move {
            read_until(&mut stream, "\r\n\r\n").await.unwrap();
            while let Some(text) = goes.lock().await.recv().await {
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        }
    });
    let limit = Duration::from_secs(1);
    let mut request = server.get("http://a.test/");
    (request.head_timeout, request.body_timeout) = (Some(limit), Some(limit));
    let mut call = hub().fetch(request);
    let begun = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
    assert!(begun.await, "it waits for a connection");
    go.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n")
        .unwrap();
    let (_, _, mut body) = call.await.unwrap().into_parts();
    // The wait for the head has ended long ago, and then that for the first piece.
    tokio::time::sleep(limit).await;
    assert!(is_waiting(&mut body).await, "for the first piece");
    go.send("one").unwrap();
    assert_eq!(
        body.frame()
            .await
            .unwrap()
            .ok()
            .unwrap()
            .into_data()
            .unwrap(),
        "one"
    );
    tokio::time::sleep(limit).await;
    assert!(is_waiting(&mut body).await, "for the second piece");
}

#[tokio::test]
async fn limit_of_the_head_begins_with_the_connection() {
    let mut timer = super::timer::Timer::new(Handle::current());
    let begun = Instant::now();
    let (short, long) = (Duration::from_millis(20), Duration::from_secs(60));
    let slow = tokio::time::sleep(Duration::from_millis(30));
    super::call::within(long, &mut timer, slow).await.unwrap();
    timer.stop();
    let late = super::call::within(short, &mut timer, std::future::pending::<()>());
    let late = timeout(Duration::from_secs(20), late).await;
    assert!(late.expect("a limit").is_none());
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn connecting_has_its_limit() {
    // A port that takes connections, and says nothing of TLS.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut request = fetch(&format!("https://{address}/"), None);
    request.roots = Some(Bytes::from(TestCa::new().pem().to_owned()));
    request.connect_timeout = Some(Duration::from_millis(20));
    let late = failure(hub().fetch(request).await);
    assert_eq!(late.phase, FetchPhase::Connect);
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(
        late.message,
        format!("https://{address}: no connection within 20ms")
    );
}

#[tokio::test]
async fn one_plugin_has_so_many_in_flight() {
    let (server, _) = Server::answering(HELLO);
    let hub = hub();
    hub.set_limit(Some(1));
    let first = hub.fetch(server.get("http://a.test/")).await.unwrap();
    let second = failure(hub.fetch(server.get("http://a.test/")).await);
    assert_eq!(second.phase, FetchPhase::Limit);
    assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE);
    let mut foreign = server.get("http://a.test/");
    foreign.plugin = "second";
    assert!(hub.fetch(foreign).await.is_ok());
    drop(first);
    assert!(hub.fetch(server.get("http://a.test/")).await.is_ok());
}

#[tokio::test]
async fn failure_of_the_requests_body_keeps_its_status() {
    let (server, _) = Server::answering("");
    let (frames, up) = channel();
    let mut request = server.get("http://a.test/");
    request.request = request.request.map(|_| up);
    let too_long = Failure::body(StatusCode::PAYLOAD_TOO_LARGE, "too long");
    frames.send(Err(too_long)).unwrap();
    let failed = failure(hub().fetch(request).await);
    assert_eq!(failed.phase, FetchPhase::RequestBody);
    assert_eq!(failed.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        failed
            .message
            .ends_with("the body of the request failed: too long"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    let (server, heads) = Server::answering(HELLO);
    let connect = {
        let mut request = server.get("http://a.test/");
        *request.request.method_mut() = http::Method::CONNECT;
        request
    };
    let lie = |length: &'static str| {
        let mut request = server.get("http://a.test/");
        request.request = request
            .request
            .map(|_| HostBody::Full(Bytes::from_static(b"12345")));
        let length = HeaderValue::from_static(length);
        request
            .request
            .headers_mut()
            .insert("content-length", length);
        request
    };
    let (short, no_number) = (lie("3"), lie("0x5"));
    for (request, expected) in [
        (fetch("/path?token", None), "is not in absolute form"),
        (fetch("ftp://a.test/", None), "`ftp:` is not http"),
        (connect, "CONNECT is for tunnels"),
        (
            short,
            "promises 3 bytes by content-length, but its body has 5",
        ),
        (no_number, "content-length is not one decimal number"),
    ] {
        let refused = failure(hub().fetch(request).await);
        assert_eq!(refused.phase, FetchPhase::Invalid, "{expected}");
        assert!(refused.message.contains(expected), "{refused:?}");
        assert!(!refused.message.contains("token"), "{refused:?}");
    }
    assert_eq!(heads.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn coding_that_nobody_decodes_is_no_response() {
    let (server, _) =
        Server::answering("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    let refused = failure(hub().fetch(server.get("http://a.test/")).await);
    assert_eq!(refused.phase, FetchPhase::Exchange);
    assert!(refused.message.contains("transfer coding"), "{refused:?}");
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
