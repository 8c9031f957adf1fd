//! Connections: how long they are kept, who gets one, and where names lead.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::pool::KeepTimes;
use super::super::resolver::Resolver;
use super::*;

/// A server on a port, which answers each request with this text, and counts its connections.
async fn on_port(text: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    head.push(byte);
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        let length = text.len();
                        let answer =
                            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{text}");
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    (address, connections)
}

/// A hub in which names lead to the addresses of the list, and how often it was asked.
fn resolving(
    addresses: &Arc<Mutex<Vec<SocketAddr>>>,
    named: Duration,
) -> (FetchHub, Arc<AtomicUsize>) {
    let (addresses, asked) = (Arc::clone(addresses), Arc::<AtomicUsize>::default());
    let count = Arc::clone(&asked);
    let resolver = Resolver::Fixed(Arc::new(move |name| {
        assert_eq!(name, "app.test");
        count.fetch_add(1, Ordering::Relaxed);
        addresses.lock().unwrap().clone()
    }));
    let idle = Duration::from_secs(30);
    let hub = FetchHub::with(Handle::current(), resolver, KeepTimes { idle, named });
    (hub, asked)
}

async fn ask(hub: &FetchHub, target: &str) -> Result<Bytes, FetchFailure> {
    let response = hub.fetch(fetch(target, None)).await?;
    Ok(body(response).await.unwrap())
}

#[tokio::test]
async fn name_is_resolved_again_once_its_connection_is_old() {
    let (address, connections) = on_port("hi").await;
    let addresses = Arc::new(Mutex::new(vec![address]));
    let target = format!("http://app.test:{}/", address.port());
    let (kept, kept_asked) = resolving(&addresses, Duration::from_secs(3600));
    // Here each connection is too old at once.
    let (renewed, renewed_asked) = resolving(&addresses, Duration::ZERO);
    for _ in 0..2 {
        assert_eq!(ask(&kept, &target).await.unwrap(), "hi");
        assert_eq!(ask(&renewed, &target).await.unwrap(), "hi");
    }
    assert_eq!(kept_asked.load(Ordering::Relaxed), 1);
    assert_eq!(renewed_asked.load(Ordering::Relaxed), 2);
    assert_eq!(connections.load(Ordering::Relaxed), 3);
    // The name leads nowhere now.
    addresses.lock().unwrap().clear();
    assert_eq!(ask(&kept, &target).await.unwrap(), "hi");
    let lost = ask(&renewed, &target).await.unwrap_err();
    assert_eq!(lost.phase, FetchPhase::Connect);
}

#[tokio::test]
async fn address_is_not_asked_for_again() {
    let (address, connections) = on_port("hi").await;
    let (hub, _) = resolving(&Arc::default(), Duration::ZERO);
    for _ in 0..3 {
        let answer = ask(&hub, &format!("http://{address}/")).await;
        assert_eq!(answer.unwrap(), "hi");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn connection_that_nobody_uses_is_closed() {
    let (closed, mut closings) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let closed = closed.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await.unwrap();
            stream.write_all(HELLO.as_bytes()).await.unwrap();
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
            closed.send(()).unwrap();
        }
    });
    let times = KeepTimes {
        idle: Duration::from_millis(60),
        ..KeepTimes::default()
    };
    let resolver = Resolver::Fixed(Arc::new(|_| Vec::new()));
    let hub = FetchHub::with(Handle::current(), resolver, times);
    let response = hub.fetch(server.get("http://a.test/")).await.unwrap();
    body(response).await.unwrap();
    timeout(Duration::from_secs(20), closings.recv())
        .await
        .unwrap()
        .unwrap();
    // Its end is counted when hyper has dropped it.
    while hub.status()[0].connections > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn request_that_meets_a_connection_just_closed_goes_on_another() {
    let server = Server::start(|mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await.unwrap();
        stream.write_all(HELLO.as_bytes()).await.unwrap();
        // And closes.
    });
    let hub = hub();
    for _ in 0..20 {
        let mut request = server.get("http://a.test/");
        *request.request.method_mut() = http::Method::POST;
        let response = hub.fetch(request).await.unwrap();
        assert_eq!(body(response).await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn requests_at_once_have_connections_of_their_own_and_leave_them_for_the_next() {
    let (server, heads) = Server::answering(HELLO);
    let hub = hub();
    for _ in 0..3 {
        let all = (0..8).map(|_| {
            let sent = hub.fetch(server.get("http://a.test/"));
            tokio::spawn(async move { body(sent.await.unwrap()).await.unwrap() })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), "hello");
        }
    }
    assert_eq!(heads.lock().unwrap().len(), 24);
    let connections = hub.status()[0].connections;
    assert!((1..=8).contains(&connections), "{connections}");
}

#[tokio::test]
async fn idle_connection_that_the_server_closes_is_let_go_at_once() {
    let (close, closing) = tokio::sync::watch::channel(false);
    let server = Server::start(move |mut stream| {
        let mut closing = closing.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await.unwrap();
            stream.write_all(HELLO.as_bytes()).await.unwrap();
            closing.wait_for(|closes| *closes).await.unwrap();
        }
    });
    let times = KeepTimes {
        idle: Duration::from_secs(36_000),
        ..KeepTimes::default()
    };
    let resolver = Resolver::Fixed(Arc::new(|_| Vec::new()));
    let hub = FetchHub::with(Handle::current(), resolver, times);
    let response = hub.fetch(server.get("http://a.test/")).await.unwrap();
    body(response).await.unwrap();
    assert_eq!(hub.status()[0].connections, 1);
    close.send_replace(true);
    let gone = async {
        while hub.status()[0].connections > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.unwrap();
}

#[tokio::test]
async fn upload_goes_on_while_nobody_reads_the_response() {
    const PIECES: usize = 200;
    let (received, mut all) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let received = received.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await.unwrap();
            // The response begins before the request has ended.
            stream.write_all(HELLO.as_bytes()).await.unwrap();
            let mut upload = vec![0; PIECES << 16];
            stream.read_exact(&mut upload).await.unwrap();
            received.send(()).unwrap();
        }
    });
    let (sender, upload) = mpsc::channel::<Bytes>(1);
    let mut request = server.get("http://a.test/");
    *request.request.method_mut() = http::Method::POST;
    let length = HeaderValue::from(PIECES << 16);
    request
        .request
        .headers_mut()
        .insert("content-length", length);
    *request.request.body_mut() = HostBody::Stream(Box::pin(Received(upload)));
    let response = hub().fetch(request).await.unwrap();
    for _ in 0..PIECES {
        let piece = Bytes::from(vec![b'x'; 1 << 16]);
        let sent = sender.send(piece);
        let sent = timeout(Duration::from_secs(20), sent).await;
        sent.expect("the upload goes on").unwrap();
    }
    let end = timeout(Duration::from_secs(20), all.recv()).await;
    assert_eq!(end.expect("all of it"), Some(()));
    assert_eq!(body(response).await.unwrap(), "hello");
}

/// A body of the pieces that are received.
struct Received(mpsc::Receiver<Bytes>);

impl Body for Received {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let received = self.0.poll_recv(cx);
        received.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}
