//! The servers that a test's requests go to.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;

use super::services;
use crate::abi::host::{
    Connection, Exchange, FetchFailure, FetchPhase, FetchRequest, Fetching, ForwardedOffer,
    HostGuest, HostRequest,
};
use crate::abi::plugin::loopback;
use crate::{IntoResponse, Request, Result};

type Answering = Pin<Box<dyn Future<Output = Result> + Send>>;
type Answer = Arc<dyn Fn(Request) -> Answering + Send + Sync>;

thread_local! {
    static CURRENT: RefCell<TestServer> = RefCell::default();
}

/// Answers the requests that handlers of this thread, and the tasks that they spawn, send with
/// [`Context::fetch`](crate::Context::fetch). An error is a server that can't be reached; one with the status 502 or 504 is one
/// that has got the request and breaks off, or is too slow.
///
/// ```
/// use stackup_plugin::{Context, Request, http, testing};
///
/// # struct Price(Context);
/// # impl stackup_plugin::App for Price {
/// #     type Config = ();
/// #     fn init((): (), cx: &Context) -> stackup_plugin::Result<Self> { Ok(Self(cx.clone())) }
/// #     async fn call(&self, _: Request) -> stackup_plugin::Result {
/// #         Ok(self.0.fetch(http::Request::get("http://prices/tea").body(())?).await?)
/// #     }
/// # }
/// testing::server(async |req: Request| format!("{} costs 3", req.uri()));
/// testing::block_on(async {
///     let res = testing::app::<Price>(testing::json!({}))?.answer(testing::get("/")).await?;
///     assert_eq!(res.finish().await?, "http://prices/tea costs 3");
///     Ok::<_, stackup_plugin::Error>(())
/// })
/// # .unwrap();
/// ```
pub fn server<F, A>(answer: F)
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output: IntoResponse> + Send + 'static,
{
    services::install();
    let answer: Answer = Arc::new(move |req| {
        let answer = answer(req);
        Box::pin(async move { answer.await.into_response() })
    });
    CURRENT.with(|here| here.replace(TestServer(Some(answer))));
}

/// What answers; nothing unless a test sets it.
#[derive(Clone, Default)]
pub(super) struct TestServer(Option<Answer>);

/// A guest of a test starts nothing: the server answers in its place.
impl HostGuest for TestServer {
    fn fetch(&self, request: FetchRequest) -> Fetching {
        // What the test has set by then.
        Self::current().fetch(request)
    }
}

impl TestServer {
    pub(super) fn current() -> Self {
        CURRENT
            .try_with(|here| here.borrow().clone())
            .unwrap_or_default()
    }

    /// Sets what answers this thread.
    pub(super) fn inherit(self) {
        CURRENT.with(|here| here.replace(self));
    }

    pub(super) fn fetch(self, fetch: FetchRequest) -> Fetching {
        let unreachable = |message: String| FetchFailure {
            phase: FetchPhase::Connect,
            status: StatusCode::BAD_GATEWAY,
            message,
        };
        Box::pin(async move {
            let (parts, body) = fetch.request.into_parts();
            let Some(answer) = self.0 else {
                let target = parts.uri;
                return Err(unreachable(format!(
                    "no server answers `{target}` in this test: set one with `testing::server`"
                )));
            };
            let exchange = Arc::new(Exchange::new(0));
            let mut request = HostRequest::new(parts, body, Connection::default(), exchange);
            if let Some(offer) = fetch.upgrade.and_then(ForwardedOffer::into_offer) {
                request.set_offer(offer);
            }
            match answer(loopback::request(request)).await {
                Ok(response) => Ok(loopback::host_response(response)),
                Err(error) if matches!(error.status().as_u16(), 502 | 504) => Err(FetchFailure {
                    phase: FetchPhase::Exchange,
                    status: error.status(),
                    message: error.message().to_owned(),
                }),
                Err(error) => Err(unreachable(error.message().to_owned())),
            }
        })
    }
}
