//! What a request of a plugin to another server costs (`cx.fetch`), beside hyper-util's client called directly: 1 KiB
//! over a kept connection to a unix socket. CPU of the client's thread; the server has another one.

#[path = "../stacks/mod.rs"]
mod stacks;

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection as Connect};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::time::{ClockId, clock_gettime};
use stackup::serve::stack::Stack;
use stackup::services;
use stackup_plugin::abi::host::{Connection, Exchange, HostBody, HostRequest};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};

/// The requests of a round, and the rounds, whose median counts.
const CALLS: u32 = 5000;
const ROUNDS: usize = 11;

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("server.sock");
    serve(&socket);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    {
        let _entered = runtime.enter();
        services::install(0);
    }
    let mut host = stacks::Host::new(PathBuf::from("/"), &["fetch-calls"]);
    let stack = host.stack(&format!(
        "[run]\nplugin = \"fetch-calls\"\nconfig = {{ socket = {socket:?}, calls = {CALLS} }}\n"
    ));
    let client = Client::builder(TokioExecutor::new()).build(Connector(socket));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let plugin = cpu(|| runtime.block_on(through_plugin(&stack)));
        let direct = cpu(|| runtime.block_on(directly(&client)));
        rounds.push((plugin, direct));
    }
    let median = |of: fn(&(Duration, Duration)) -> Duration| {
        let mut times: Vec<_> = rounds.iter().map(of).collect();
        times.sort();
        times[ROUNDS / 2].as_secs_f64() * 1e6 / f64::from(CALLS)
    };
    let (plugin, direct) = (median(|round| round.0), median(|round| round.1));
    println!("| `cx.fetch` | hyper-util's client | ratio |\n|---:|---:|---:|");
    println!(
        "| {plugin:.2} µs | {direct:.2} µs | {:.2} |",
        plugin / direct
    );
}

/// The CPU time that this thread takes for `f`.
fn cpu(f: impl FnOnce()) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(
            time.tv_sec.unsigned_abs(),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    };
    let begun = now();
    f();
    now().saturating_sub(begun)
}

async fn through_plugin(stack: &Stack) {
    let (parts, ()) = http::Request::new(()).into_parts();
    let exchange = Arc::new(Exchange::new(1));
    let request = HostRequest::new(parts, HostBody::Empty, Connection::default(), exchange);
    black_box(stack.root.call(request).await.expect("an answer"));
}

async fn directly(client: &Client<Connector, Empty<Bytes>>) {
    for _ in 0..CALLS {
        let request = http::Request::get("http://localhost/").body(Empty::new());
        let response = client.request(request.expect("a request")).await;
        let body = response.expect("an answer").into_body().collect().await;
        assert_eq!(body.expect("a body").to_bytes().len(), 1024);
    }
}

/// Answers with 1 KiB, on a thread of its own.
fn serve(socket: &Path) {
    let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    listener.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = UnixListener::from_std(listener).expect("a socket");
            while let Ok((stream, _)) = listener.accept().await {
                let answer = service_fn(async |_| {
                    let body = Full::new(Bytes::from_static(&[7; 1024]));
                    Ok::<_, Infallible>(http::Response::new(body))
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer),
                );
            }
        });
    });
}

/// Connects to the socket.
#[derive(Clone)]
struct Connector(PathBuf);

struct Stream(UnixStream);

impl tower_service::Service<http::Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let socket = self.0.clone();
        Box::pin(async { Ok(TokioIo::new(Stream(UnixStream::connect(socket).await?))) })
    }
}

impl Connect for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
