mod layers;
#[cfg(feature = "axum")]
mod like_axum;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::thread;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get as on_get, post as on_post};
use stackup_plugin::http::{self, StatusCode};
use stackup_plugin::testing::{self, block_on, get, json, post};
use stackup_plugin::tower::{Below, HttpService, Make};
use stackup_plugin::{Body, Context, Error, OriginalRequest, Request, Result};
use tower::layer::{Layer, layer_fn};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt, service_fn};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[stackup_plugin::config]
struct Greeting {
    word: String,
}

async fn hello(State(word): State<Arc<str>>, Path(name): Path<String>) -> String {
    format!("{word}, {name}")
}

fn router(config: Greeting) -> Router {
    let router = Router::new().route("/hello/{name}", on_get(hello));
    router.with_state(config.word.into())
}

fn text(mounted: &testing::Mounted, request: testing::TestRequest) -> Result<String> {
    block_on(async { mounted.answer(request).await?.finish().await })
}

#[test]
fn function_with_config_makes_a_router() {
    let app = testing::app_service(router, json!({ "word": "Moin" })).unwrap();
    assert_eq!(text(&app, get("/hello/Ada")).unwrap(), "Moin, Ada");
    assert_eq!(
        block_on(app.answer(get("/"))).unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let error = testing::app_service(router, json!({ "wort": "Moin" })).err();
    assert!(error.unwrap().to_string().contains("unknown field `wort`"));
}

#[test]
fn function_may_be_async_wait_and_fail() {
    async fn slow(config: Greeting, cx: &Context) -> Result<Router> {
        cx.sleep(std::time::Duration::from_millis(1)).await;
        if config.word.is_empty() {
            return Err(Error::config("word", "say something"));
        }
        Ok(router(config))
    }
    let app = testing::app_service(slow, json!({ "word": "Hi" })).unwrap();
    assert_eq!(text(&app, get("/hello/Bo")).unwrap(), "Hi, Bo");
    let error = testing::app_service(slow, json!({ "word": "" })).err();
    let error = error.unwrap();
    assert_eq!((error.place(), error.message()), ("word", "say something"));
}

#[test]
fn function_may_fail_with_the_error_of_another_crate() {
    async fn fails() -> Result<Router, std::io::Error> {
        Err(std::io::Error::other("no database"))
    }
    let error = testing::app_service(fails, json!(null)).err();
    assert_eq!(error.unwrap().message(), "no database");
}

#[test]
fn router_sees_its_own_part_of_the_path() {
    async fn paths(uri: http::Uri, original: axum::Extension<OriginalRequest>) -> String {
        format!("{uri} of {}", original.with(|req| req.uri().to_string()))
    }
    fn router() -> Router {
        Router::new().route("/tea", on_get(paths))
    }
    let app = testing::app_service(router, json!(null)).unwrap();
    let request = get("/shop/tea?cup=1").script_name("/shop");
    assert_eq!(
        text(&app, request).unwrap(),
        "/tea?cup=1 of /shop/tea?cup=1"
    );
}

#[test]
fn body_streams_both_ways() {
    fn echo() -> Router {
        Router::new().route("/", on_post(async |body: axum::body::Body| body))
    }
    let app = testing::app_service(echo, json!(null)).unwrap();
    let (mut sender, body) = Body::channel(1);
    block_on(async {
        let mut response = app.answer(post("/", body)).await.unwrap();
        let mut body = response.take_body();
        for part in ["one", "two"] {
            sender.send(part).await.unwrap();
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), part);
        }
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-sum", http::HeaderValue::from_static("7"));
        sender.finish(trailers).await.unwrap();
        let last = body.frame().await.unwrap().unwrap();
        assert_eq!(last.into_trailers().unwrap()["x-sum"], "7");
        assert!(body.frame().await.is_none());
    });
}

/// Is ready once it has been asked twice, and must not be called before.
#[derive(Clone, Default)]
struct Busy {
    asked: usize,
}

impl Service<http::Request<Body>> for Busy {
    type Response = http::Response<String>;
    type Error = Error;
    type Future = std::future::Ready<Result<http::Response<String>>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        self.asked += 1;
        if self.asked > 1 {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _request: http::Request<Body>) -> Self::Future {
        std::future::ready(match self.asked {
            0 | 1 => Err(Error::msg("it was not ready")),
            asked => Ok(http::Response::new(format!("asked {asked} times"))),
        })
    }
}

#[test]
fn service_is_called_when_it_is_ready() {
    let app = testing::app_service(Busy::default, json!(null)).unwrap();
    for _ in 0..2 {
        assert_eq!(text(&app, get("/")).unwrap(), "asked 2 times");
    }
}

#[test]
fn error_of_a_service_keeps_status_and_headers() {
    fn fails() -> BoxCloneSyncService<http::Request<Body>, http::Response<Body>, BoxError> {
        BoxCloneSyncService::new(service_fn(async |_req: http::Request<Body>| {
            let error = Error::new(StatusCode::GONE, "it was here").with_header("x-a", "1")?;
            Err(std::io::Error::other(error.into_std()).into())
        }))
    }
    let app = testing::app_service(fails, json!(null)).unwrap();
    let error = block_on(app.answer(get("/"))).unwrap_err();
    assert_eq!(
        (error.status(), error.header("x-a")),
        (StatusCode::GONE, Some("1"))
    );
}

#[test]
fn request_that_was_cloned_is_forked() {
    fn twice() -> BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible> {
        BoxCloneSyncService::new(service_fn(async |req: http::Request<Body>| {
            let (parts, _) = req.into_parts();
            let clone = http::Request::from_parts(parts.clone(), Body::empty());
            let first = Request::from_http(clone);
            let second = Request::from_http(http::Request::from_parts(parts, Body::empty()));
            let text = [first, second].map(|req| format!("{:?}", req.env().get("of")));
            Ok(http::Response::new(text.concat().into()))
        }))
    }
    async fn names(mut req: Request, next: stackup_plugin::Next<'_>) -> Result {
        req.env_mut().set("of", "both");
        next.run(req).await
    }
    let stack = testing::middleware_fn(names).unwrap();
    let stack = stack.over(testing::app_service(twice, json!(null)).unwrap());
    assert_eq!(
        text(&stack, get("/")).unwrap(),
        r#"Some("both")Some("both")"#
    );
}

type Answer = Result<http::Response<Body>, BoxError>;
