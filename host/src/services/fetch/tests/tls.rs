//! TLS and HTTP/2, with a CA of the test's own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_rustls::TlsAcceptor;

use super::super::pool::KeepTimes;
use super::super::resolver::Resolver;
use super::*;

/// A server that says what it is asked, and by which version.
async fn serve(tls: TlsAcceptor) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, count) = (tls.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let Ok(stream) = tls.accept(stream).await else {
                    return;
                };
                count.fetch_add(1, Ordering::Relaxed);
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let answer = service_fn(async |request: Request<hyper::body::Incoming>| {
                    let uri = request.uri().to_string();
                    let host = request.headers().get("host").cloned();
                    let (version, method) = (request.version(), request.method().clone());
                    let sent = request.into_body().collect().await.unwrap().to_bytes();
                    let text = format!("{version:?} {method} {uri} {host:?} {sent:?}");
                    Ok::<_, Infallible>(http::Response::new(http_body_util::Full::new(
                        Bytes::from(text),
                    )))
                });
                let io = TokioIo::new(stream);
                if is_http2 {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(io, answer).await;
                } else {
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(io, answer).await;
                }
            });
        }
    });
    (port, connections)
}

/// A hub for which all names are this machine.
fn here() -> FetchHub {
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let resolver = Resolver::Fixed(Arc::new(move |_| vec![here]));
    FetchHub::with(Handle::current(), resolver, KeepTimes::default())
}

fn trusting(ca: &TestCa, target: String) -> FetchRequest {
    let mut request = fetch(&target, None);
    request.roots = Some(Bytes::from(ca.pem().to_owned()));
    request
}

#[tokio::test]
async fn server_with_http1_is_reached_by_tls() {
    let ca = TestCa::new();
    let (port, connections) = serve(ca.server("app.test", &["http/1.1"])).await;
    let hub = here();
    for _ in 0..3 {
        let request = trusting(&ca, format!("https://app.test:{port}/a?b"));
        let text = body(hub.fetch(request).await.unwrap()).await.unwrap();
        let expected = format!(r#"HTTP/1.1 GET /a?b Some("app.test:{port}") b"""#);
        assert_eq!(text, expected);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn requests_share_a_connection_with_http2() {
    let ca = TestCa::new();
    let (port, connections) = serve(ca.server("app.test", &["h2", "http/1.1"])).await;
    let hub = here();
    let ask = |path: String| {
        let mut request = trusting(&ca, format!("https://app.test:{port}{path}"));
        let host = HeaderValue::from_static("site.test");
        request.request.headers_mut().insert("host", host);
        *request.request.method_mut() = http::Method::PUT;
        request.request = request.request.map(|_| {
            let (frames, up) = channel();
            frames
                .send(Ok(Frame::data(Bytes::from_static(b"up"))))
                .unwrap();
            up
        });
        let sent = hub.fetch(request);
        tokio::spawn(async move { body(sent.await.unwrap()).await.unwrap() })
    };
    // The first one finds out that one connection is enough.
    ask("/first".to_owned()).await.unwrap();
    let all: Vec<_> = (0..20).map(|number| ask(format!("/{number}"))).collect();
    for (number, one) in all.into_iter().enumerate() {
        let expected = format!(r#"HTTP/2.0 PUT https://site.test/{number} None b"up""#);
        assert_eq!(one.await.unwrap(), expected);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    assert_eq!(hub.status()[0].in_flight, 0);
}

#[tokio::test]
async fn requests_at_once_wait_for_one_connection_with_http2() {
    let ca = TestCa::new();
    let (port, connections) = serve(ca.server("app.test", &["h2"])).await;
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let resolver = Resolver::Fixed(Arc::new(move |_| vec![here]));
    // Each connection is too old for the next request.
    let times = KeepTimes {
        named: Duration::ZERO,
        ..KeepTimes::default()
    };
    let hub = FetchHub::with(Handle::current(), resolver, times);
    let ask = || {
        let sent = hub.fetch(trusting(&ca, format!("https://app.test:{port}/")));
        tokio::spawn(async move { body(sent.await.unwrap()).await.unwrap() })
    };
    ask().await.unwrap();
    let all: Vec<_> = (0..20).map(|_| ask()).collect();
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn server_that_cannot_be_trusted_is_refused_with_the_reason() {
    let (ca, other) = (TestCa::new(), TestCa::new());
    let (good, _) = serve(ca.server("app.test", &[])).await;
    let (expired, _) = serve(ca.expired("app.test")).await;
    let no_tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = no_tls.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = no_tls.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let target = |name: &str, port: u16| format!("https://{name}:{port}/");
    let mut broken = trusting(&ca, target("app.test", good));
    broken.roots = Some(Bytes::from_static(b"no PEM"));
    for (request, expected) in [
        (
            trusting(&other, target("app.test", good)),
            "of no CA that is trusted here: if it is your own CA, name its certificate",
        ),
        (
            trusting(&ca, target("other.test", good)),
            "the server at `other.test` must have a certificate with this name",
        ),
        (trusting(&ca, target("app.test", expired)), "expired"),
        (
            trusting(&ca, target("app.test", plain)),
            "no connection: TLS: ",
        ),
        (broken, "the file of certificates to trust has none"),
    ] {
        let refused = failure(here().fetch(request).await);
        assert_eq!(refused.phase, FetchPhase::Connect, "{refused:?}");
        assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
        assert!(refused.message.contains(expected), "{refused:?}");
        assert!(refused.message.starts_with("https://"), "{refused:?}");
    }
}

#[tokio::test]
async fn other_certificates_to_trust_are_another_connection() {
    let (ca, other) = (TestCa::new(), TestCa::new());
    let (port, _) = serve(ca.server("app.test", &["h2"])).await;
    let hub = here();
    let target = format!("https://app.test:{port}/");
    let trusted = hub.fetch(trusting(&ca, target.clone())).await.unwrap();
    body(trusted).await.unwrap();
    failure(hub.fetch(trusting(&other, target)).await);
}

#[tokio::test]
async fn offer_goes_by_http1() {
    let ca = TestCa::new();
    let (port, _) = serve(ca.server("app.test", &["h2", "http/1.1"])).await;
    let mut request = trusting(&ca, format!("https://app.test:{port}/"));
    let (_frames, outgoing) = channel();
    request.upgrade = Some(ForwardedOffer::new("echo".to_owned(), outgoing));
    let text = body(here().fetch(request).await.unwrap()).await.unwrap();
    assert!(text.starts_with(b"HTTP/1.1 GET / "), "{text:?}");
}
