#!/usr/bin/env bash
# hyper's HTTP/1 client leaves out the body of a GET whose length it does not know: the request goes out without one, the body is never
# polled, and there is no error. The same body of a POST is sent in chunks. With `transfer-encoding: chunked` set by the caller,
# the GET has its body, too. So a proxy that passes on a GET with a chunked body has to set that field.
# Seen with hyper 1.12.0 and http-body-util 0.1.5.
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
futures-util = { version = "=0.3.34", default-features = false }
http-body-util = "=0.1.5"
hyper = { version = "=1.12.0", features = ["client", "http1"] }
hyper-util = { version = "=0.1.21", features = ["tokio"] }
tokio = { version = "=1.54.1", features = ["io-util", "rt", "time"] }
END
cat >src/main.rs <<'END'
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a server gets of a request with a body of two pieces.
async fn sent(method: Method, says_chunked: bool) -> String {
    let (client, mut server) = tokio::io::duplex(4096);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    let pieces = ["one", "two"].map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
    let mut request = Request::new(StreamBody::new(futures_util::stream::iter(pieces)));
    *request.method_mut() = method;
    if says_chunked {
        request.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
    }
    let answered = tokio::spawn(sender.send_request(request));
    let mut read = Vec::new();
    let mut piece = [0; 512];
    while let Ok(Ok(count)) = tokio::time::timeout(Duration::from_millis(300), server.read(&mut piece)).await {
        read.extend_from_slice(&piece[..count]);
    }
    server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    answered.await.unwrap().expect("no error");
    String::from_utf8(read).unwrap()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        for (method, says_chunked) in [(Method::POST, false), (Method::GET, false), (Method::GET, true)] {
            let request = sent(method.clone(), says_chunked).await;
            let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            println!("{method} {says_chunked} {body:?}");
        }
    });
}
END
cargo run --quiet >seen
cat >expected <<'END'
POST false "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
GET false ""
GET true "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
END
echo "hyper 1.12.0: method, whether the caller sets transfer-encoding, the body on the wire"
cat seen
diff expected seen
