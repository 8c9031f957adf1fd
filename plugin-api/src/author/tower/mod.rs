//! Services and layers of tower as handlers. A request is converted once, where it enters the library (SPEC R47).

#[cfg(feature = "axum")]
mod axum;
mod calls;
pub(crate) mod layer;
mod make;
pub(crate) mod service;
#[cfg(feature = "axum")]
mod upgrade;

use std::future::{Future, poll_fn};

use ::http_body::Body as HttpBody;
use bytes::Bytes;
use tower_service::Service;

pub use self::calls::BelowCall;
pub use self::layer::Below;
pub use self::make::Make;
use crate::{Body, Error, Response, Result};

/// The error that tower's layers share.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A tower service that answers requests of the `http` crate.
pub trait HttpService: Clone + Send + Sync + 'static {
    /// Answers a request as soon as the service is ready.
    fn answer(self, request: http::Request<Body>) -> impl Future<Output = Result> + Send;
}

impl<S, B> HttpService for S
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Error>,
    S::Future: Send,
    B: HttpBody<Data: Into<Bytes>, Error: Into<Error>> + Send + 'static,
{
    async fn answer(mut self, request: http::Request<Body>) -> Result {
        poll_fn(|cx| self.poll_ready(cx))
            .await
            .map_err(Into::into)?;
        let response = self.call(request).await.map_err(Into::into)?;
        Ok(Response::from_http(response.map(Body::new)))
    }
}
