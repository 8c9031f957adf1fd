//! Certificates and workers that are replaced under load.

use std::sync::Arc;

use http::Request;
use http_body_util::Full;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use stackup_tests::tls::TestCa;
use stackup_tests::{Connection, Host, Site, artifacts, within};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{collected, handshake};

/// Swaps of certificates and renewals under load: no request is lost.
async fn swaps_lose_nothing(swaps: usize) {
    let ca = TestCa::new();
    let site = Site::new("", &["hello"]);
    let tls = "tls = { cert = \"site.pem\", key = \"site.key\" }";
    site.manifest(&format!(
        "run = \"hello\"\n[server]\nlisten = [{{ address = \"127.0.0.1:0\", {tls} }}]\n"
    ));
    ca.issue(&["a.test"], 90).write(&site, "site");
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let served = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for http2 in [false, true, true] {
        let (address, done) = (host.address().to_owned(), Arc::clone(&done));
        let (config, served) = (
            ca.client(if http2 { &["h2"] } else { &[] }, &[&TLS13]),
            Arc::clone(&served),
        );
        clients.spawn(async move {
            use std::sync::atomic::Ordering::Relaxed;
            while !done.load(Relaxed) {
                let requests = match http2 {
                    true => on_http2(&address, &config, &done).await,
                    false => on_http1(&address, &config, &done).await,
                };
                served.fetch_add(requests, Relaxed);
            }
        });
    }
    for swap in 0..swaps {
        if swap % 10 == 9 {
            let said = site.stackup(&["restart"]).await;
            assert_eq!(said.code, Some(0), "{said:?}");
        } else {
            ca.issue(&["a.test"], 90).write(&site, "site");
            let replaced = host.event("certificate").await;
            assert_eq!(replaced.text("outcome"), "replaced", "{replaced}");
        }
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    while let Some(ended) = within("the clients", clients.join_next()).await {
        ended.expect("no request is lost");
    }
    assert!(served.load(std::sync::atomic::Ordering::Relaxed) > swaps);
}

async fn tls(
    address: &str,
    config: &Arc<rustls::ClientConfig>,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("a.test").expect("a name");
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, stream).await.expect("a handshake")
}

/// Sends requests until the server says that it closes. Returns how many were answered; all must be.
async fn on_http1(
    address: &str,
    config: &Arc<rustls::ClientConfig>,
    done: &std::sync::atomic::AtomicBool,
) -> usize {
    let mut connection = Connection::tls(address, "a.test", config)
        .await
        .expect("a handshake");
    let mut answered = 0;
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        let response = connection.get("/").await;
        assert_eq!(response.status(), 200);
        answered += 1;
        if response.header("connection") == Some("close") {
            break;
        }
    }
    answered
}

/// The same on HTTP/2: a request that comes after GOAWAY is not sent, and none that was sent is lost.
async fn on_http2(
    address: &str,
    config: &Arc<rustls::ClientConfig>,
    done: &std::sync::atomic::AtomicBool,
) -> usize {
    let mut client = handshake(tls(address, config).await).await;
    let mut answered = 0;
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        let get = || Request::get("https://a.test/").body(Full::default());
        let requests = (0..4).map(|_| client.send_request(get().expect("a request")));
        let requests: Vec<_> = requests.collect();
        for response in requests {
            match within("a response", response).await {
                Ok(response) => {
                    assert_eq!(response.status(), 200);
                    assert_eq!(collected(response).await.1, None);
                    answered += 1;
                }
                // Not sent, or refused unprocessed: a client may send it again.
                Err(error) if error.is_canceled() || is_refused(&error) => return answered,
                Err(error) => panic!("{error:?}"),
            }
        }
        if client.is_closed() {
            break;
        }
    }
    answered
}

/// Whether the server has said that it did nothing for a request.
fn is_refused(error: &hyper::Error) -> bool {
    let text = format!("{error:?}");
    error.is_closed() || text.contains("REFUSED_STREAM") || text.contains("GoAway(b\"\", NO_ERROR")
}

#[tokio::test]
async fn swaps_of_certificates_and_workers_lose_no_request() {
    swaps_lose_nothing(30).await;
}

#[tokio::test]
#[ignore = "it takes most of a minute"]
async fn thousand_swaps_of_certificates_and_workers_lose_no_request() {
    swaps_lose_nothing(1000).await;
}
