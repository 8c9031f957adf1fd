//! An instance of a handler, called as the host calls it.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::drain::Drain;
use super::life;
use super::request::TestRequest;
use super::services;
use super::shared::mounting;
use crate::abi::host::{
    Below, Exchange, Failure, Finish, Handler, HandlerContext, HolderSlot, HostApp, HostRequest,
    IgnoreFailures, Life, Node, OnFailure, Outcome,
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
    drain: Drain,
}

/// Mounts a middleware with this config. `json!(null)` is as `json!({})`: a directive without `config`.
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
        life: Arc::new(match life::is_trial() {
            true => Life::trial(),
            false => Life::new(),
        }),
        counters: Arc::default(),
    };
    let config = match config {
        // As a directive without `config`.
        Value::Null => "{}".to_owned(),
        config => config.to_string(),
    };
    let handler = mounting(|| Handler::init(entry.table, &config, context));
    handler
        .map(|handler| Mounted {
            handler: Arc::new(handler),
            below: None,
            drain: Drain::new(),
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
    fn node(&self, last: Node) -> Node {
        let node = match &self.below {
            Some(below) => below.node(last),
            None => last,
        };
        let holder = HolderSlot::default();
        Node::Layer {
            handler: Arc::clone(&self.handler),
            next: Some(Box::new(Below { node, holder })),
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
        self.run(request, Some(below)).await
    }

    /// Sends a request to an app.
    ///
    /// # Errors
    ///
    /// The error or panic of the handler.
    pub async fn answer(&self, request: TestRequest) -> Result<Answered> {
        self.run(request, None).await
    }

    /// Calls its [`serving`](App::serving), as the host does once its generation is active.
    ///
    /// # Errors
    ///
    /// The error or panic of `serving`.
    pub fn serving(&self) -> Result<()> {
        self.handler.serving().map_err(loopback::error)
    }

    /// Calls its [`hand_over`](App::hand_over), as the host does right before another instance replaces this one.
    ///
    /// # Errors
    ///
    /// The panic of `hand_over`.
    pub fn hand_over(&self) -> Result<Option<Bytes>> {
        let given = self.handler.hand_over().map_err(loopback::error)?;
        Ok(given.map(Bytes::from))
    }

    /// Calls its [`inherit`](App::inherit) with what another instance gave.
    ///
    /// # Errors
    ///
    /// The error or panic of `inherit`.
    pub fn inherit(&self, state: &[u8]) -> Result<()> {
        self.handler.inherit(state).map_err(loopback::error)
    }

    /// Another instance replaces this one: [`Context::retiring`](crate::Context::retiring) completes, and
    /// [`Request::draining`] of the requests in it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stackup_plugin::{App, Context, Request, Result, testing};
    ///
    /// /// Waits for news, and tells its clients to come again before the code is replaced.
    /// struct News(Context);
    ///
    /// impl App for News {
    ///     type Config = ();
    ///
    ///     fn init((): (), cx: &Context) -> Result<Self> {
    ///         Ok(Self(cx.clone()))
    ///     }
    ///
    ///     async fn call(&self, _req: Request) -> Result {
    ///         let limit = Duration::from_secs(60);
    ///         let text = match self.0.timeout(limit, self.0.retiring()).await {
    ///             Ok(()) => "come again",
    ///             Err(_) => "no news",
    ///         };
    ///         stackup_plugin::IntoResponse::into_response(text)
    ///     }
    /// }
    ///
    /// let clock = testing::clock();
    /// let news = testing::app::<News>(testing::json!(null))?;
    /// let ask = || clock.run(async { news.answer(testing::get("/")).await?.finish().await });
    /// assert_eq!(ask()?, "no news");
    /// news.retire();
    /// assert_eq!(ask()?, "come again");
    /// # Ok::<_, stackup_plugin::Error>(())
    /// ```
    pub fn retire(&self) {
        self.handler.context().life.retire();
        self.drain();
    }

    /// Its requests have a deadline from now on, since a reload has replaced another handler that they may enter:
    /// [`Request::draining`] completes.
    pub fn drain(&self) {
        self.drain.begin();
    }

    /// The count of its counter with this name and these labels, in any order; `None` if it has no such counter.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        let labels = sorted(labels);
        let counters = self.handler.context().counters.values();
        let mut counters = counters.into_iter();
        let found = counters.find(|counter| counter.name == name && counter.labels == labels);
        found.map(|counter| counter.value)
    }

    /// The value of its gauge with this name and these labels, in any order; `None` if it has no such gauge.
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = sorted(labels);
        let mut gauges = self.handler.context().counters.gauges().into_iter();
        let found = gauges.find(|gauge| gauge.name == name && gauge.labels == labels);
        found.map(|gauge| gauge.value)
    }

    /// The number and the sum of what its histogram with this name and these labels has observed; `None` if it has no such
    /// histogram.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Option<(u64, f64)> {
        let labels = sorted(labels);
        let mut all = self.handler.context().counters.histograms().into_iter();
        let found = all.find(|one| one.name == name && one.labels == labels);
        found.map(|one| (one.value.count, one.value.sum))
    }

    async fn run(&self, request: TestRequest, next: Option<Node>) -> Result<Answered> {
        let exchange = Exchange::new(request.generation).drained_by(self.drain.id());
        let exchange = Arc::new(exchange);
        let mut open = OpenExchange(Some(Arc::clone(&exchange)));
        let request = request.into_host(exchange)?;
        // A middleware called as an app has nothing below it.
        let node = self.node(next.unwrap_or_else(|| Node::HostApp(Box::new(NoNext))));
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
        headers: (!error.headers().is_empty()).then(|| Box::new(error.headers().clone())),
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

/// Labels in the order of their names.
fn sorted(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    let labels = labels.iter();
    let mut labels: Vec<_> = labels
        .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
        .collect();
    labels.sort();
    labels
}
