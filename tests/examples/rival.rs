//! The servers that `stackup` is compared with: the same responses from hyper, tower and axum.
//!
//! `cargo run --release -p stackup-tests --example rival -- hyper|tower|axum|router`; prints its address.

#[path = "../plugins/axum-router/src/router.rs"]
mod shared;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, Service, service_fn};

/// The headers that each of ten layers reads and sets, as in the bench's manifest.
const FIELDS: [(&str, &str); 10] = [
    ("host", "x-layer-0"),
    ("user-agent", "x-layer-1"),
    ("accept", "x-layer-2"),
    ("accept-language", "x-layer-3"),
    ("accept-encoding", "x-layer-4"),
    ("referer", "x-layer-5"),
    ("cookie", "x-layer-6"),
    ("connection", "x-layer-7"),
    ("upgrade-insecure-requests", "x-layer-8"),
    ("x-request-id", "x-layer-9"),
];
const VALUE: HeaderValue = HeaderValue::from_static("a-value-of-usual-length");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    match std::env::args().nth(1).as_deref() {
        Some("hyper") => serve(listener, |io| connection(io, hello())).await,
        Some("tower") => {
            let layers = stack();
            serve(listener, move |io| connection(io, layers.clone())).await
        }
        Some("axum") => {
            let router = router();
            serve(listener, move |io| connection(io, router.clone())).await
        }
        Some("router") => {
            let listener = listener.tap_io(|stream| {
                let _ = stream.set_nodelay(true);
            });
            axum::serve(listener, shared::router()).await
        }
        _ => Err(io::Error::other("one of: hyper, tower, axum, router")),
    }
}

async fn serve<F>(
    listener: TcpListener,
    mut connection: impl FnMut(TcpStream) -> F,
) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream));
    }
}

/// With the default settings of `stackup`.
async fn connection<S, B>(stream: TcpStream, service: S)
where
    S: Service<Request, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + 'static,
{
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(64 * 1024)
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10));
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    // The client has left.
    let _ = served.await;
}

type Request = http::Request<hyper::body::Incoming>;

fn hello() -> impl Service<
    Request,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send,
> + Clone
+ Send {
    service_fn(|_: Request| async {
        let mut response = Response::new(Full::from("Hello, World!\n"));
        response.headers_mut().insert(CONTENT_TYPE, TEXT);
        Ok(response)
    })
}

/// Ten layers of one type each.
fn stack() -> impl Service<
    Request,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send,
> + Clone
+ Send {
    macro_rules! stack {
        ($inner:expr;) => { $inner };
        ($inner:expr; $layer:ident $($rest:ident)*) => { $layer.layer(stack!($inner; $($rest)*)) };
    }
    let [a, b, c, d, e, f, g, h, i, j] = layers();
    stack!(hello(); a b c d e f g h i j)
}

fn router() -> impl Service<
    Request,
    Response = axum::response::Response,
    Error = Infallible,
    Future = impl Future<Output = Result<axum::response::Response, Infallible>> + Send,
> + Clone
+ Send {
    let router = Router::new().route("/", get(|| async { "Hello, World!\n" }));
    // The last one added is the outermost.
    layers()
        .into_iter()
        .rev()
        .fold(router, |router, layer| router.layer(layer))
}

/// The headers that one layer reads and sets.
#[derive(Clone, Copy)]
struct SetHeader(&'static (HeaderName, HeaderName));

fn layers() -> [SetHeader; 10] {
    FIELDS.map(|(read, set)| {
        let names = (HeaderName::from_static(read), HeaderName::from_static(set));
        SetHeader(Box::leak(Box::new(names)))
    })
}

impl<S> Layer<S> for SetHeader {
    type Service = Setting<S>;

    fn layer(&self, inner: S) -> Setting<S> {
        Setting {
            inner,
            names: *self,
        }
    }
}

#[derive(Clone)]
struct Setting<S> {
    inner: S,
    names: SetHeader,
}

impl<S, A, B> Service<http::Request<A>> for Setting<S>
where
    S: Service<http::Request<A>, Response = Response<B>>,
    B: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Set<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<A>) -> Self::Future {
        if !request.headers().contains_key(&self.names.0.0) {
            return Set::Missing;
        }
        Set::Waits {
            future: self.inner.call(request),
            names: self.names,
        }
    }
}

pin_project_lite::pin_project! {
    #[project = Projected]
    enum Set<F> {
        Waits { #[pin] future: F, names: SetHeader },
        Missing,
    }
}

impl<F, B, E> Future for Set<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, names) = match self.project() {
            Projected::Waits { future, names } => (future, names),
            Projected::Missing => {
                let mut response = Response::new(B::default());
                *response.status_mut() = StatusCode::BAD_REQUEST;
                return Poll::Ready(Ok(response));
            }
        };
        let mut response = ready!(future.poll(cx))?;
        let headers = response.headers_mut();
        headers.insert(names.0.1.clone(), VALUE);
        Poll::Ready(Ok(response))
    }
}
