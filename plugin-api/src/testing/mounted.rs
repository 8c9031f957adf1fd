//! An instance of a handler, called as the host calls it.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::request::TestRequest;
use super::services;
use crate::abi::host::{
    Exchange, Failure, Finish, Handler, HandlerContext, HostApp, HostRequest, IgnoreFailures, Node,
    OnFailure, Outcome,
};
use crate::abi::plugin::entry;
use crate::abi::plugin::loopback;
use crate::abi::root::HandlerEntry;
use crate::author::body::End;
use crate::{App, Error, IntoResponse, Middleware, Request, Response, Result};

/// A handler mounted in a test.
pub struct Mounted {
    handler: Arc<Handler>,
    below: Option<Box<Self>>,
}

/// Mounts a middleware with this config.
///
/// # Errors
///
/// The error or panic of `init`, or an invalid config.
pub fn middleware<M: Middleware>(config: Value) -> Result<Mounted> {
    mount(&entry::middleware::<M, false>("test"), &config)
}

/// Mounts an app with this config.
///
/// # Errors
///
/// Same as [`middleware`].
pub fn app<A: App>(config: Value) -> Result<Mounted> {
    mount(&entry::app::<A, false>("test"), &config)
}

pub(super) fn mount(entry: &HandlerEntry, config: &Value) -> Result<Mounted> {
    services::install();
    let context = HandlerContext {
        handler: "test".to_owned(),
        plugin: "test".to_owned(),
        fingerprint: String::new(),
        environment: "test".to_owned(),
        directory: std::env::current_dir().unwrap_or_default(),
        scope: services::scope(),
        failures: Arc::new(IgnoreFailures),
    };
    let handler = Handler::init(entry.table, &config.to_string(), context);
    handler
        .map(|handler| Mounted {
            handler: Arc::new(handler),
            below: None,
        })
        .map_err(loopback::error)
}

impl Mounted {
    /// Adds `below` under this layer and any below it.
    #[must_use]
    pub fn over(mut self, below: Self) -> Self {
        self.below = Some(Box::new(match self.below {
            Some(first) => first.over(below),
            None => below,
        }));
        self
    }

    /// This layer and those below, down to `last`.
    fn node(&self, last: Box<Node>) -> Node {
        Node::Layer {
            handler: Arc::clone(&self.handler),
            next: Some(match &self.below {
                Some(below) => Box::new(below.node(last)),
                None => last,
            }),
            on_failure: OnFailure::default(),
        }
    }

    /// Sends a request through a middleware. `next` replaces the layers below it.
    ///
    /// # Errors
    ///
    /// The error or panic of the handler.
    pub async fn call<N, F>(&self, request: TestRequest, next: N) -> Result<Answered>
    where
        N: FnOnce(Request) -> F + Send + 'static,
        F: Future<Output: IntoResponse> + Send + 'static,
    {
        let below = Node::HostApp(Box::new(MockNext(Mutex::new(Some(next)))));
        self.run(request, Some(Box::new(below))).await
    }

    /// Sends a request to an app.
    ///
    /// # Errors
    ///
    /// The error or panic of the handler.
    pub async fn answer(&self, request: TestRequest) -> Result<Answered> {
        self.run(request, None).await
    }

    async fn run(&self, request: TestRequest, next: Option<Box<Node>>) -> Result<Answered> {
        let exchange = Arc::new(Exchange::default());
        let mut open = OpenExchange(Some(Arc::clone(&exchange)));
        let request = request.into_host(exchange)?;
        // A middleware called as an app has nothing below it.
        let node = self.node(next.unwrap_or_else(|| Box::new(Node::HostApp(Box::new(NoNext)))));
        match node.call(request).await {
            Ok(response) => Ok(Answered {
                response: open.close_at_end_of(loopback::response(response)),
            }),
            Err(failure) => {
                open.close(None, Some(&failure), 0);
                Err(loopback::error(failure))
            }
        }
    }
}

/// An exchange whose hooks have not run. Dropping it means that the client left.
struct OpenExchange(Option<Arc<Exchange>>);

impl OpenExchange {
    fn close(
        &mut self,
        head: Option<(StatusCode, &HeaderMap)>,
        error: Option<&Failure>,
        body_bytes: u64,
    ) {
        if let Some(exchange) = self.0.take() {
            exchange.finish(&Finish {
                head,
                error,
                body_bytes,
            });
        }
    }

    fn close_at_end_of(mut self, mut response: Response) -> Response {
        let (status, headers) = (response.status(), response.headers().to_map());
        response.map_body(|body| {
            body.on_end(move |end, bytes| {
                let failure = match end {
                    End::Complete => None,
                    End::Failed(error) => Some(failure(error, "")),
                    End::Dropped => Some(client_left()),
                };
                self.close(Some((status, &headers)), failure.as_ref(), bytes);
            })
        });
        response
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        self.close(None, Some(&client_left()), 0);
    }
}

fn client_left() -> Failure {
    Failure::body(StatusCode::BAD_REQUEST, "the client left")
}

/// Converts an error of a body or of the layers below to the host's type.
pub(super) fn failure(error: &Error, handler: &str) -> Failure {
    let handler = match error.handler() {
        "" => handler,
        known => known,
    };
    Failure {
        kind: error.kind().into(),
        handler: handler.to_owned(),
        place: error.place().to_owned(),
        ..Failure::body(error.status(), error.message())
    }
}

struct NoNext;

impl HostApp for NoNext {
    fn call(&self, _request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let message = "a middleware needs a `next` here: use `call` instead of `answer`";
        let failure = Failure::body(StatusCode::INTERNAL_SERVER_ERROR, message);
        Box::pin(std::future::ready(Err(failure)))
    }
}

/// Stands in for the layers below; can be called once.
struct MockNext<N>(Mutex<Option<N>>);

impl<N, F> HostApp for MockNext<N>
where
    N: FnOnce(Request) -> F + Send,
    F: Future<Output: IntoResponse> + Send + 'static,
{
    fn call(&self, request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(next) = next else {
            return NoNext.call(request);
        };
        let answer = next(loopback::request(request));
        Box::pin(async move {
            let response = answer.await.into_response();
            response
                .map(loopback::host_response)
                .map_err(|error| failure(&error, "next"))
        })
    }
}

/// The response of a handler. The hooks of `on_finished` run when its body ends, fails or is dropped.
#[derive(Debug)]
pub struct Answered {
    response: Response,
}

impl Deref for Answered {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

impl DerefMut for Answered {
    fn deref_mut(&mut self) -> &mut Response {
        &mut self.response
    }
}

impl Answered {
    /// Reads the body to its end, which runs the hooks of `on_finished`, and returns it as text.
    ///
    /// # Errors
    ///
    /// The body fails. The hooks have run in this case, too.
    pub async fn finish(mut self) -> Result<String> {
        let body = self.response.take_body().collect(usize::MAX).await?;
        Ok(String::from_utf8_lossy(&body.bytes).into_owned())
    }
}
