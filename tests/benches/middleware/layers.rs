//! The same middleware for tower, in the three forms in which it is written.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use stackup_plugin::abi::host::HostBody;
use tower::util::BoxCloneSyncService;
use tower::{Service, service_fn};

/// Both bodies are the host's type, so that no side moves more bytes than another.
pub(crate) type Request = http::Request<HostBody>;
pub(crate) type Response = http::Response<HostBody>;
pub(crate) type Boxed = BoxCloneSyncService<Request, Response, Infallible>;

/// The headers that one layer reads and sets. Static, like an author's constants.
#[derive(Clone, Copy)]
pub(crate) struct Header(&'static Names);

struct Names {
    read: HeaderName,
    set: HeaderName,
    value: HeaderValue,
}

impl Header {
    pub(crate) fn new(read: &'static str, set: &'static str, value: &'static str) -> Self {
        Self(Box::leak(Box::new(Names {
            read: HeaderName::from_static(read),
            set: HeaderName::from_static(set),
            value: HeaderValue::from_static(value),
        })))
    }

    fn reads(self, request: &Request) -> bool {
        request.headers().contains_key(&self.0.read)
    }

    fn sets(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(self.0.set.clone(), self.0.value.clone());
    }
}

fn missing() -> Response {
    let mut response = Response::new(HostBody::Empty);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// The app: what `hello` answers.
pub(crate) fn app()
-> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync
{
    service_fn(|request: Request| async move {
        drop(request);
        let mut response = Response::new(HostBody::Full("Hello, World!\n".into()));
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
        Ok(response)
    })
}

/// An app behind no layer, boxed as [`boxed`] and [`lean`] box theirs.
pub(crate) fn boxed_app() -> Boxed {
    BoxCloneSyncService::new(app())
}

/// As an author writes it who has `async`: clone the inner service, and box the future.
pub(crate) fn boxed(inner: Boxed, header: Header) -> Boxed {
    BoxCloneSyncService::new(service_fn(move |request: Request| {
        let mut inner = inner.clone();
        async move {
            if !header.reads(&request) {
                return Ok(missing());
            }
            let mut response = inner.call(request).await?;
            header.sets(&mut response);
            Ok(response)
        }
    }))
}

/// As a library writes it: a future with a name, which only the type erasure boxes.
pub(crate) fn lean(inner: Boxed, header: Header) -> Boxed {
    BoxCloneSyncService::new(SetHeader { inner, header })
}

/// A boxed layer that does nothing, as an author writes it.
pub(crate) fn boxed_nothing(inner: Boxed) -> Boxed {
    BoxCloneSyncService::new(service_fn(move |request: Request| {
        let mut inner = inner.clone();
        async move { inner.call(request).await }
    }))
}

/// A boxed layer that does nothing, as a library writes it.
pub(crate) fn lean_nothing(inner: Boxed) -> Boxed {
    BoxCloneSyncService::new(Nothing(inner))
}

#[derive(Clone)]
struct Nothing<S>(S);

impl<S: Service<Request>> Service<Request> for Nothing<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.0.call(request)
    }
}

/// A layer whose type contains all layers below it.
#[derive(Clone)]
pub(crate) struct SetHeader<S> {
    pub(crate) inner: S,
    pub(crate) header: Header,
}

impl<S> Service<Request> for SetHeader<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Setting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !self.header.reads(&request) {
            return Setting::Missing;
        }
        Setting::Waits {
            future: self.inner.call(request),
            header: self.header,
        }
    }
}

pin_project_lite::pin_project! {
    #[project = Projected]
    pub(crate) enum Setting<F> {
        Waits { #[pin] future: F, header: Header },
        Missing,
    }
}

impl<F, E> Future for Setting<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, header) = match self.project() {
            Projected::Waits { future, header } => (future, header),
            Projected::Missing => return Poll::Ready(Ok(missing())),
        };
        let mut response = ready!(future.poll(cx))?;
        header.sets(&mut response);
        Poll::Ready(Ok(response))
    }
}

/// Ten layers of one type each.
pub(crate) fn monomorphised(
    headers: [Header; 10],
) -> impl Service<Request, Response = Response, Error = Infallible> + Clone {
    macro_rules! stack {
        ($inner:expr;) => { $inner };
        ($inner:expr; $header:ident $($rest:ident)*) => {
            stack!(SetHeader { inner: $inner, header: $header }; $($rest)*)
        };
    }
    let [a, b, c, d, e, f, g, h, i, j] = headers;
    stack!(app(); a b c d e f g h i j)
}
