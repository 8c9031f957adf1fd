//! A stack in this very process.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use stackup::{Body, Stack};
use stackup_tests::{Connection, Site, artifacts, within};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};

/// A service that takes the connection over, and sends back what it gets.
async fn take_over(
    mut request: Request<Body>,
) -> Result<Response<Empty<bytes::Bytes>>, Infallible> {
    let connection = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let connection = TokioIo::new(connection.await.expect("it changes"));
        let (mut reader, mut writer) = tokio::io::split(connection);
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    });
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")] {
        response
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    Ok(response)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_in_a_layer_changes_the_protocol_and_reloads_are_answered() {
    let site = Site::new("use = [\"runtime\"]", &["runtime"]);
    let options = Stack::options()
        .probe_with(artifacts::stackup())
        .watch(false);
    let layer = options.layer(site.path().join("config.ru.toml")).await;
    let layer = layer.expect("it opens");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let service = TowerToHyperService::new(layer.layer(service_fn(take_over)));
    let served = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.expect("a client");
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        connection.with_upgrades().await
    });
    let mut connection = Connection::tcp(&address).await;
    connection
        .send("GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!(head.status, 101, "{head:?}");
    assert_eq!(head.header("upgrade"), Some("echo"));
    assert!(head.header("x-runtime").is_some(), "{head:?}");

    site.manifest("use = [\"runtime\", \"runtime\"]");
    assert_eq!(layer.reload().await.expect("it swaps"), 2);
    site.manifest("use = [\"nothing\"]");
    let refused = layer.reload().await.expect_err("it is refused").to_string();
    assert!(
        refused.contains("the plugin `nothing` is not there"),
        "{refused}"
    );
    site.manifest("use = [\"runtime\"]");
    assert_eq!(layer.clone().reload().await.expect("it swaps"), 3);

    connection.send("tea").await;
    assert_eq!(connection.part(3).await.expect("it lasts"), b"tea");
    drop(connection);
    served.await.expect("no panic").expect("it was served");
    layer.clone().shutdown().await;
    let ended = layer.reload().await.expect_err("it has ended").to_string();
    assert_eq!(ended, "the stack has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_waits_for_requests_and_refuses_new_ones() {
    let site = Site::new("use = [\"runtime\"]", &["runtime"]);
    let options = Stack::options().probe_with(artifacts::stackup());
    let layer = options.layer(site.path().join("config.ru.toml")).await;
    let layer = layer.expect("it opens");
    let (entered, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (enters, waits) = (Arc::clone(&entered), Arc::clone(&gate));
    let service = layer.layer(service_fn(move |request: Request<Body>| {
        let (entered, gate) = (Arc::clone(&enters), Arc::clone(&waits));
        async move {
            if request.uri().path() == "/waits" {
                entered.add_permits(1);
                let _ = gate.acquire().await;
            }
            Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
        }
    }));
    let call = |path: &str| {
        let request = Request::get(path).header("host", "test");
        let request = request
            .body(Empty::<bytes::Bytes>::new())
            .expect("a request");
        let service = service.clone();
        async move {
            service
                .oneshot(request)
                .await
                .expect("it is infallible")
                .status()
        }
    };
    let waiting = tokio::spawn(call("/waits"));
    let _ = within("the request", entered.acquire()).await;
    let ending = tokio::spawn(layer.clone().shutdown());
    let refused = async { while call("/").await != StatusCode::SERVICE_UNAVAILABLE {} };
    within("a refusal", refused).await;
    assert!(!ending.is_finished());
    gate.add_permits(1);
    assert_eq!(
        within("the answer", waiting).await.expect("no panic"),
        StatusCode::OK
    );
    within("the end", ending).await.expect("no panic");
}
