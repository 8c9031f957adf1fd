//! `export!(middleware layer …)`.

use std::marker::PhantomData;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use tower_layer::Layer;
use tower_service::Service;

use super::calls::{BelowCall, Calls};
use super::make::Make;
use super::{BoxError, HttpService};
use crate::abi::plugin::entry;
use crate::abi::plugin::function::Function;
use crate::abi::root::HandlerEntry;
use crate::{Body, Context, Error, Middleware, Next, Request, Result};

/// Describes the middleware whose layer `make` makes. With `TOKIO` it shares the runtime of its plugin.
pub const fn layer<F, A, const TOKIO: bool>(make: F, name: &'static str) -> HandlerEntry
where
    F: Make<A, Made: Layer<Below, Service: HttpService>>,
    A: 'static,
{
    Function::check(make);
    entry::middleware::<LayerMiddleware<F, A>, TOKIO>(name)
}

/// A tower layer as a middleware. Its service is made once, since it may keep something from request to request.
struct LayerMiddleware<F: Make<A, Made: Layer<Below>>, A> {
    service: <F::Made as Layer<Below>>::Service,
    made_by: PhantomData<fn() -> (F, A)>,
}

impl<F, A> Middleware for LayerMiddleware<F, A>
where
    F: Make<A, Made: Layer<Below, Service: HttpService>>,
    A: 'static,
{
    type Config = F::Config;

    fn init(config: F::Config, cx: &Context) -> Result<Self> {
        let layer = Function::<F>::get().make(config, cx)?;
        Ok(Self {
            service: layer.layer(Below(())),
            made_by: PhantomData,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let calls = Calls::default();
        let mut request = req.into_http();
        request.extensions_mut().insert(calls.clone());
        calls
            .serve(self.service.clone().answer(request), next)
            .await
    }
}

/// The layers below, as the inner service of a layer. It is always ready.
#[derive(Debug, Clone)]
pub struct Below(());

impl<B> Service<http::Request<B>> for Below
where
    B: http_body::Body<Data: Into<Bytes>, Error: Into<Error>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BelowCall;

    fn poll_ready(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> BelowCall {
        BelowCall::new(request.map(Body::new))
    }
}
