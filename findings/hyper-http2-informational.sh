#!/usr/bin/env bash
# hyper's `on_informational` is called for the 103 of a server that speaks HTTP/1, and never for that of one that speaks HTTP/2: the request
# carries the same callback, nothing fails, and the final response arrives. h2 itself has the 103 (`poll_informational`). So a gateway that
# passes early hints on loses them as soon as a server chooses h2 by ALPN.
# Seen with hyper 1.12.0 and h2 0.4.20.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "shown"
version = "0.1.0"
edition = "2024"
[dependencies]
bytes = "=1.12.0"
h2 = "=0.4.20"
http = "=1.5.0"
http-body-util = "=0.1.5"
hyper = { version = "=1.12.0", features = ["client", "http1", "http2"] }
hyper-util = { version = "=0.1.21", features = ["tokio"] }
tokio = { version = "=1.54.1", features = ["io-util", "rt"] }
END
cat >src/main.rs <<'END'
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

type Statuses = Arc<Mutex<Vec<StatusCode>>>;

/// A request that notes each interim status.
fn request(statuses: &Statuses) -> Request<Empty<Bytes>> {
    let mut request = Request::get("http://a.test/").header("host", "a.test").body(Empty::new()).unwrap();
    let statuses = Arc::clone(statuses);
    hyper::ext::on_informational(&mut request, move |response| {
        statuses.lock().unwrap().push(response.status());
    });
    request
}

async fn http1(client: DuplexStream, mut server: DuplexStream, statuses: &Statuses) -> StatusCode {
    tokio::spawn(async move {
        let _ = server.read(&mut [0; 512]).await.unwrap();
        let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        server.write_all(hints).await.unwrap();
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request(statuses)).await.unwrap().status()
}

async fn http2(client: DuplexStream, server: DuplexStream, statuses: &Statuses) -> StatusCode {
    tokio::spawn(async move {
        let mut server = h2::server::handshake(server).await.unwrap();
        while let Some(Ok((_, mut respond))) = server.accept().await {
            let hints = Response::builder().status(103).header("link", "</a.css>; rel=preload").body(()).unwrap();
            respond.send_informational(hints).unwrap();
            respond.send_response(Response::builder().status(204).body(()).unwrap(), true).unwrap();
        }
    });
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request(statuses)).await.unwrap().status()
}

/// h2's own client, to show that the 103 arrives.
async fn h2_alone(client: DuplexStream, server: DuplexStream, statuses: &Statuses) -> StatusCode {
    tokio::spawn(async move {
        let mut server = h2::server::handshake(server).await.unwrap();
        while let Some(Ok((_, mut respond))) = server.accept().await {
            respond.send_informational(Response::builder().status(103).body(()).unwrap()).unwrap();
            respond.send_response(Response::builder().status(204).body(()).unwrap(), true).unwrap();
        }
    });
    let (mut sender, connection) = h2::client::handshake(client).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://a.test/").body(()).unwrap();
    let (mut response, _) = sender.send_request(request, true).unwrap();
    let interim = std::future::poll_fn(|cx| response.poll_informational(cx)).await;
    statuses.lock().unwrap().push(interim.unwrap().unwrap().status());
    response.await.unwrap().status()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for version in ["HTTP/1", "HTTP/2", "h2 alone"] {
            let (client, server) = tokio::io::duplex(4096);
            let statuses = Statuses::default();
            let last = match version {
                "HTTP/1" => http1(client, server, &statuses).await,
                "HTTP/2" => http2(client, server, &statuses).await,
                _ => h2_alone(client, server, &statuses).await,
            };
            let interim: Vec<u16> = statuses.lock().unwrap().iter().map(StatusCode::as_u16).collect();
            println!("{version}: interim {interim:?}, final {}", last.as_u16());
        }
    });
}
END
cargo run --quiet >seen
cat >expected <<'END'
HTTP/1: interim [103], final 204
HTTP/2: interim [], final 204
h2 alone: interim [103], final 204
END
echo "hyper 1.12.0: the interim responses that a client is shown"
cat seen
diff expected seen
