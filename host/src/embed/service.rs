//! The stack as a service of tower.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::body::Body;
use super::client::Client;
use super::stack::{OpenStack, Stack};
use crate::serve::stack::WrappedService;

/// The answer to come. It never fails: an error is a response.
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Response<Body>> + Send>>);

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Stack
where
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    /// Always ready: the stack has no limit of requests.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        self.0.call(request, None)
    }
}

impl OpenStack {
    /// Answers a request; `wrapped` is the service that the stack is a layer around.
    pub(super) fn call<B>(
        &self,
        request: Request<B>,
        wrapped: Option<WrappedService>,
    ) -> ResponseFuture
    where
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let client = (self.client)(request.extensions());
        let client = Client::connection(client, request.uri());
        let answer = self.answers.answer(request, client, wrapped);
        ResponseFuture(Box::pin(async move { answer.await.map(Body::of_response) }))
    }
}
