//! An instance of a handler, called as the host would.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::request::TestRequest;
use super::services::Threads;
use crate::abi::host::{
    Answer, Exchange, Failure, Finish, Handler, HandlerContext, HostRequest, Node, Outcome,
};
use crate::abi::plugin::bridge;
use crate::abi::plugin::entry;
use crate::abi::root::HandlerEntry;
use crate::{App, Error, IntoResponse, Middleware, Request, Response, Result};

/// A tokio runtime for the handler, where plugins can have one.
const TOKIO: bool = cfg!(feature = "tokio");

/// A handler in a test.
pub struct Mounted {
    handler: Arc<Handler>,
}

/// Mounts a middleware with this config.
///
/// # Errors
///
/// What `init` returned or panicked with, and a config that does not fit.
pub fn middleware<M: Middleware>(config: Value) -> Result<Mounted> {
    mount(&entry::middleware::<M, TOKIO>("test"), &config)
}

/// Mounts an app with this config.
///
/// # Errors
///
/// As [`middleware`].
pub fn app<A: App>(config: Value) -> Result<Mounted> {
    mount(&entry::app::<A, TOKIO>("test"), &config)
}

fn mount(entry: &HandlerEntry, config: &Value) -> Result<Mounted> {
    super::services::install();
    let context = HandlerContext {
        handler: "test".to_owned(),
        environment: "test".to_owned(),
        directory: std::env::current_dir().unwrap_or_default(),
        scope: Arc::new(Threads),
    };
    let handler = Handler::init(entry.table, &config.to_string(), Arc::new(context));
    handler
        .map(|handler| Mounted {
            handler: Arc::new(handler),
        })
        .map_err(bridge::error)
}

impl Mounted {
    /// Sends a request through the handler; `next` stands for the layers below a middleware.
    ///
    /// # Errors
    ///
    /// What the handler returned or panicked with.
    pub async fn call<N, F>(&self, request: TestRequest, next: N) -> Result<Answered>
    where
        N: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + Send + 'static,
    {
        let below = Node::Answer(Box::new(Mock(next)));
        self.run(request, Some(Box::new(below))).await
    }

    /// Sends a request to an app.
    ///
    /// # Errors
    ///
    /// What the handler returned or panicked with.
    pub async fn answer(&self, request: TestRequest) -> Result<Answered> {
        self.run(request, None).await
    }

    async fn run(&self, request: TestRequest, next: Option<Box<Node>>) -> Result<Answered> {
        let exchange = Arc::new(Exchange::default());
        let request = request.into_host(Arc::clone(&exchange))?;
        let node = Node::Layer {
            handler: Arc::clone(&self.handler),
            next,
        };
        match node.call(request).await {
            Ok(response) => Ok(Answered {
                response: bridge::response(response),
                exchange,
            }),
            Err(failure) => {
                exchange.finish(&Finish {
                    head: None,
                    error: Some(&failure),
                    body_bytes: 0,
                });
                Err(bridge::error(failure))
            }
        }
    }
}

struct Mock<N>(N);

impl<N, F> Answer for Mock<N>
where
    N: Fn(Request) -> F + Send + Sync,
    F: Future<Output: IntoResponse> + Send + 'static,
{
    fn answer(&self, request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let answer = (self.0)(bridge::request(request));
        Box::pin(async move {
            let response = answer.await.into_response();
            response
                .map(bridge::host_response)
                .map_err(|error| Failure {
                    handler: "next".to_owned(),
                    ..Failure::body(error.status(), error.message())
                })
        })
    }
}

/// A handler's response, and the end that the server would give it.
#[derive(Debug)]
pub struct Answered {
    response: Response,
    exchange: Arc<Exchange>,
}

impl Deref for Answered {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

impl Answered {
    /// The response, to take apart.
    pub fn response_mut(&mut self) -> &mut Response {
        &mut self.response
    }

    /// Reads the body to its end, runs the hooks of `on_finished`, and returns the body as text.
    ///
    /// # Errors
    ///
    /// A body that fails; the hooks have run then, too.
    pub async fn finish(mut self) -> Result<String> {
        let body = self.response.take_body().collect(usize::MAX).await;
        let headers = self.response.headers().to_map();
        let bytes = body.as_ref().map_or(0, |body| body.bytes.len() as u64);
        let failure = body
            .as_ref()
            .err()
            .map(|error: &Error| Failure::body(StatusCode::INTERNAL_SERVER_ERROR, error.message()));
        self.exchange.finish(&Finish {
            head: Some((self.response.status(), &headers)),
            error: failure.as_ref(),
            body_bytes: bytes,
        });
        Ok(String::from_utf8_lossy(&body?.bytes).into_owned())
    }
}
