//! Connections that change to another protocol.

use super::*;

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: Echo\r\nx-end: 1\r\n\r\n";

/// A request that offers these protocols; the server gets what is sent into the channel.
fn offering(
    server: &Server,
    protocols: &str,
) -> (
    FetchRequest,
    mpsc::UnboundedSender<Result<Frame<Bytes>, Failure>>,
) {
    let (frames, outgoing) = channel();
    let mut request = server.get("http://a.test/");
    request.upgrade = Some(ForwardedOffer::new(protocols.to_owned(), outgoing));
    (request, frames)
}

fn data(text: &'static str) -> Result<Frame<Bytes>, Failure> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

async fn next(body: &mut HostBody) -> Option<Result<Bytes, String>> {
    let frame = body.frame().await?;
    let frame = frame.map_err(|failure| failure.to_string());
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

#[tokio::test]
async fn accepted_offer_connects_both_directions() {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let ended = ended.clone();
        async move {
            let head = read_until(&mut stream, "\r\n\r\n").await.unwrap();
            let expected = "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: irc, echo\r\n\r\n";
            assert_eq!(head, expected);
            // The first bytes come with the head.
            stream
                .write_all(format!("{SWITCHED}hello").as_bytes())
                .await
                .unwrap();
            assert_eq!(read_until(&mut stream, "one").await.unwrap(), "one");
            stream.write_all(b"two").await.unwrap();
            // The other side sends nothing more, and still reads.
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
            stream.write_all(b"three").await.unwrap();
            ended.send(()).unwrap();
        }
    });
    let hub = hub();
    let (request, frames) = offering(&server, "irc, echo");
    let response = hub.fetch(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.accepted(), Some("Echo"));
    let names: Vec<_> = response
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    assert_eq!(names, ["x-end"]);
    let (_, _, mut body) = response.into_parts();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "hello");
    frames.send(data("one")).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "two");
    assert_eq!(hub.status()[0].in_flight, 1);
    drop(frames);
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "three");
    endings.recv().await.unwrap();
    assert!(next(&mut body).await.is_none());
    drop(body);
    assert_eq!(hub.status()[0].in_flight, 0);
}

/// A server that switches, gets nothing, and says when the connection has ended.
fn switching() -> (Server, mpsc::UnboundedReceiver<()>) {
    let (closed, closings) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let closed = closed.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await.unwrap();
            stream.write_all(SWITCHED.as_bytes()).await.unwrap();
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
            closed.send(()).unwrap();
        }
    });
    (server, closings)
}

#[tokio::test]
async fn dropping_the_body_closes_the_connection() {
    let (server, mut closings) = switching();
    let hub = hub();
    let (request, frames) = offering(&server, "echo");
    drop(hub.fetch(request).await.unwrap());
    closings.recv().await.unwrap();
    assert!(frames.send(data("x")).is_err(), "nobody reads it");
}

#[tokio::test]
async fn client_that_breaks_off_ends_the_connection() {
    let (server, mut closings) = switching();
    let hub = hub();
    let (request, frames) = offering(&server, "echo");
    let (_, _, mut body) = hub.fetch(request).await.unwrap().into_parts();
    let gone = Failure::body(StatusCode::BAD_REQUEST, "the client is gone");
    frames.send(Err(gone)).unwrap();
    let broken = next(&mut body).await.unwrap().unwrap_err();
    assert!(
        broken.ends_with("the connection has broken off: the client is gone"),
        "{broken}"
    );
    drop(body);
    closings.recv().await.unwrap();
}

#[tokio::test]
async fn sender_waits_for_a_server_that_does_not_read() {
    let (go, goes) = mpsc::unbounded_channel::<()>();
    let goes = Arc::new(tokio::sync::Mutex::new(goes));
    let server = Server::start(move |mut stream| {
        let goes = Arc::clone(&goes);
        async move {
            read_until(&mut stream, "\r\n\r\n").await.unwrap();
            stream.write_all(SWITCHED.as_bytes()).await.unwrap();
            goes.lock().await.recv().await;
            let mut read = 0;
            let mut buffer = vec![0; 64 << 10];
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => break,
                    some => read += some,
                }
            }
            stream.write_all(read.to_string().as_bytes()).await.unwrap();
        }
    });
    let (mut request, taken) = (server.get("http://a.test/"), Arc::<Mutex<usize>>::default());
    request.upgrade = Some(ForwardedOffer::new(
        "echo".to_owned(),
        megabytes(64, &taken),
    ));
    let (_, _, mut body) = hub().fetch(request).await.unwrap().into_parts();
    // As much as the sockets take; the rest is left in the body.
    let mut before = usize::MAX;
    while before != *taken.lock().unwrap() {
        before = *taken.lock().unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert!(before < 64, "{before} MiB were taken from the client");
    go.send(()).unwrap();
    let read = next(&mut body).await.unwrap().unwrap();
    assert_eq!(read, (64 << 20).to_string());
}

/// A body of so many MiB, which counts those that are taken.
fn megabytes(count: usize, taken: &Arc<Mutex<usize>>) -> HostBody {
    struct Megabytes(usize, Arc<Mutex<usize>>);
    impl Body for Megabytes {
        type Data = Bytes;
        type Error = Failure;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
            let mut taken = self.1.lock().unwrap();
            if *taken == self.0 {
                return Poll::Ready(None);
            }
            *taken += 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![0; 1 << 20])))))
        }
    }
    HostBody::Stream(Box::pin(Megabytes(count, Arc::clone(taken))))
}

#[tokio::test]
async fn server_that_does_not_change_answers_as_usual() {
    let answer = "HTTP/1.1 426 Upgrade Required\r\nconnection: upgrade\r\nupgrade: other\r\ncontent-length: 2\r\n\r\nno";
    let (server, _) = Server::answering(answer);
    let hub = hub();
    for _ in 0..2 {
        let (request, frames) = offering(&server, "echo");
        let response = hub.fetch(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(response.accepted(), None);
        assert_eq!(response.headers()["upgrade"], "other");
        assert!(!response.headers().contains_key("connection"));
        assert_eq!(body(response).await.unwrap(), "no");
        assert!(frames.send(data("x")).is_err(), "nobody reads it");
    }
    assert_eq!(hub.status()[0].connections, 1, "it is kept");
}

#[tokio::test]
async fn change_that_nobody_has_asked_for_is_no_response() {
    let (server, _) = Server::answering(SWITCHED);
    let unasked = server.get("http://a.test/");
    let (other, _frames) = offering(&server, "websocket");
    for request in [unasked, other] {
        let refused = failure(hub().fetch(request).await);
        assert_eq!(refused.phase, FetchPhase::Exchange);
        assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
        let why = "it has changed the protocol to `Echo`, which nobody has asked for";
        assert!(refused.message.ends_with(why), "{refused:?}");
    }
}
