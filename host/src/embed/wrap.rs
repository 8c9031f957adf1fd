//! A service with the stack around it.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode, Version, header};
use http_body_util::BodyExt;
use stackup_plugin::abi::host::{Failure, HostBody, HostRequest, HostResponse, Outcome};
use tower_service::Service;

use super::body::Body;
use super::service::ResponseFuture;
use super::stack::OpenStack;
use crate::serve::stack::{WrappedCall, WrappedService};

type BoxError = Box<dyn Error + Send + Sync>;

/// A service with the stack of a [`StackLayer`](super::StackLayer) around it. The service gets what the middleware pass on, with the
/// extensions of the first request.
#[derive(Clone, Debug)]
pub struct Layered<S> {
    stack: Arc<OpenStack>,
    inner: S,
}

impl<S> Layered<S> {
    pub(super) fn new(stack: Arc<OpenStack>, inner: S) -> Self {
        Self { stack, inner }
    }
}

impl<S, B, R> Service<Request<B>> for Layered<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    /// Always ready: each call waits until its own clone of the service is.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let wrapped = wrapped(
            self.inner.clone(),
            request.extensions().clone(),
            request.version(),
        );
        self.stack.call(request, Some(wrapped))
    }
}

/// `inner` for one request of the client. Middleware may send it on more than once.
fn wrapped<S, R>(inner: S, extensions: Extensions, version: Version) -> WrappedService
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let upgraded = Arc::new(AtomicBool::new(false));
    // A service need not be `Sync`.
    let inner = Mutex::new(inner);
    let has_upgraded = Arc::clone(&upgraded);
    let service = move |request: HostRequest| -> WrappedCall {
        let inner = inner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (extensions, upgraded) = (extensions.clone(), Arc::clone(&has_upgraded));
        Box::pin(async move {
            let mut request = request.into_request().map(Body::of_request);
            *request.extensions_mut() = extensions;
            *request.version_mut() = version;
            call(inner, request, &upgraded).await
        })
    };
    WrappedService {
        service: Box::new(service),
        upgraded,
    }
}

async fn call<S, R>(mut inner: S, request: Request<Body>, upgraded: &AtomicBool) -> Outcome
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    poll_fn(|cx| inner.poll_ready(cx)).await.map_err(failed)?;
    let (parts, body) = inner.call(request).await.map_err(failed)?.into_parts();
    let body = body.map_err(|error| {
        let error = error.into();
        let message = format!("the body of the service's response has failed: {error}");
        Failure::body(StatusCode::INTERNAL_SERVER_ERROR, message)
    });
    let body = HostBody::Stream(Box::pin(body));
    let protocol = parts.headers.get(header::UPGRADE);
    let protocol = protocol.and_then(|value| value.to_str().ok().map(str::to_owned));
    let mut response = HostResponse::from_parts(parts.status, parts.headers, body);
    if parts.status == StatusCode::SWITCHING_PROTOCOLS
        && let Some(protocol) = protocol
    {
        upgraded.store(true, Ordering::Release);
        response.accept(&protocol);
    }
    Ok(response)
}

/// A failed call of the service.
fn failed(error: impl Into<BoxError>) -> Failure {
    let error = error.into();
    let message = format!("the service that the stack is a layer around has failed: {error}");
    Failure::body(StatusCode::INTERNAL_SERVER_ERROR, message)
}
