//! How long each wait lasts at most, and how many requests there may be.

use super::*;
use crate::services::fetch::{call, timer};

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
    let mut timer = timer::Timer::new(Handle::current());
    let begun = Instant::now();
    let (short, long) = (Duration::from_millis(20), Duration::from_secs(60));
    let slow = tokio::time::sleep(Duration::from_millis(30));
    call::within(long, &mut timer, slow).await.unwrap();
    timer.stop();
    let late = call::within(short, &mut timer, std::future::pending::<()>());
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
