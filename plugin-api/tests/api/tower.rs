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

/// A service around the one below.
fn around<F, Fut>(call: F) -> impl Layer<Below, Service: HttpService>
where
    F: Fn(Below, http::Request<Body>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
{
    layer_fn(move |below: Below| {
        let call = call.clone();
        service_fn(move |req| call(below.clone(), req))
    })
}

async fn names_path(req: Request) -> Result<String> {
    Ok(req.path().to_owned())
}

fn over_names_path<F, A>(make: F) -> testing::Mounted
where
    F: Make<A, Made: Layer<Below, Service: HttpService>>,
    A: 'static,
{
    let layer = testing::middleware_layer(make, json!(null)).unwrap();
    layer.over(testing::app_fn(names_path).unwrap())
}

#[test]
fn layer_changes_request_and_response() {
    fn changes() -> impl Layer<Below, Service: HttpService> {
        around(async |below, mut req| {
            *req.uri_mut() = http::Uri::from_static("/changed");
            let mut res = below.oneshot(req).await?;
            res.headers_mut().insert("x-layer", "1".parse()?);
            Ok(res)
        })
    }
    let stack = over_names_path(changes);
    let res = block_on(stack.answer(get("/"))).unwrap();
    assert_eq!(res.header("x-layer"), Some("1"));
    assert_eq!(block_on(res.finish()).unwrap(), "/changed");
}

#[test]
fn service_of_a_layer_is_made_once() {
    fn counts() -> impl Layer<Below, Service: HttpService> {
        layer_fn(|below: Below| {
            let count = Arc::new(AtomicUsize::new(0));
            service_fn(move |req: http::Request<Body>| {
                let (below, count) = (below.clone(), Arc::clone(&count));
                async move {
                    let count = count.fetch_add(1, Ordering::SeqCst);
                    let mut res = below.oneshot(req).await?;
                    res.headers_mut().insert("x-count", count.into());
                    Ok::<_, BoxError>(res)
                }
            })
        })
    }
    let stack = over_names_path(counts);
    for count in ["0", "1"] {
        let res = block_on(stack.answer(get("/"))).unwrap();
        assert_eq!(res.header("x-count"), Some(count));
    }
}

#[test]
fn error_from_below_passes_a_layer_unchanged() {
    async fn gone() -> Result<String> {
        Err(Error::new(StatusCode::GONE, "it was here").with_header("x-a", "1")?)
    }
    fn passes() -> impl Layer<Below, Service: HttpService> {
        around(async |below, req| below.oneshot(req).await)
    }
    let layer = testing::middleware_layer(passes, json!(null)).unwrap();
    let stack = layer.over(testing::app_fn(gone).unwrap());
    let error = block_on(stack.answer(get("/"))).unwrap_err();
    assert_eq!(
        (error.status(), error.header("x-a")),
        (StatusCode::GONE, Some("1"))
    );
    assert_eq!(error.handler(), "test");
}

#[test]
fn layer_may_call_twice() {
    fn twice() -> impl Layer<Below, Service: HttpService> {
        around(async |mut below, req| {
            let (parts, _) = req.into_parts();
            let first = http::Request::from_parts(parts.clone(), Body::empty());
            let first = below.call(first);
            let mut parts = parts;
            parts.uri = http::Uri::from_static("/second");
            let second = below.call(http::Request::from_parts(parts, Body::empty()));
            // Both run at the same time, each with a waker of its own.
            let (first, second) = both(first, second).await;
            let texts = [first?, second?].map(|res| res.into_body().collect(100));
            let mut all = String::new();
            for text in texts {
                let text = text.await.map_err(Error::into_std)?;
                all += std::str::from_utf8(&text.bytes)?;
            }
            Ok(http::Response::new(all.into()))
        })
    }
    assert_eq!(
        text(&over_names_path(twice), get("/first")).unwrap(),
        "/first/second"
    );
}

/// Runs two futures in threads of their own, so that neither is polled by the frame.
async fn both<F: Future<Output: Send> + Send + 'static>(a: F, b: F) -> (F::Output, F::Output) {
    let [a, b] = [a, b].map(elsewhere);
    (a.await, b.await)
}

/// Runs a future in another thread, as a layer with a task does.
fn elsewhere<F: Future<Output: Send> + Send + 'static>(
    future: F,
) -> impl Future<Output = F::Output> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    thread::spawn(move || sender.send(block_on(future)).ok());
    async { receiver.await.unwrap() }
}

#[test]
fn layer_may_call_from_another_thread() {
    fn elsewhere_made() -> impl Layer<Below, Service: HttpService> {
        around(async |below, req| elsewhere(below.oneshot(req)).await)
    }
    let stack = over_names_path(elsewhere_made);
    for _ in 0..100 {
        assert_eq!(text(&stack, get("/there")).unwrap(), "/there");
    }
}

/// Says when it is dropped.
struct Dropped(Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn dropped_call_cancels_the_layers_below() {
    fn gives_up() -> impl Layer<Below, Service: HttpService> {
        around(async |mut below, req| {
            let mut call = Box::pin(below.call(req));
            assert!(poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await);
            // The frame sends it down.
            pending_once().await;
            drop(call);
            // The frame drops it.
            pending_once().await;
            let dropped = DROPPED.get().unwrap().lock().unwrap().try_recv().is_ok();
            Ok(http::Response::new(format!("{dropped}").into()))
        })
    }
    static DROPPED: OnceLock<Mutex<std::sync::mpsc::Receiver<()>>> = OnceLock::new();
    let (sender, receiver) = channel();
    DROPPED.set(Mutex::new(receiver)).unwrap();
    let below = move |_req: Request| {
        let dropped = Dropped(sender.clone());
        async move {
            let _dropped = dropped;
            std::future::pending::<&str>().await
        }
    };
    let layer = testing::middleware_layer(gives_up, json!(null)).unwrap();
    let res = block_on(async { layer.call(get("/"), below).await?.finish().await });
    assert_eq!(res.unwrap(), "true");
}

/// Lets the frame be polled once more.
async fn pending_once() {
    let mut polled = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn call_that_outlives_its_request_fails() {
    static LEFT: Mutex<Option<Pin<Box<dyn Future<Output = Answer> + Send>>>> = Mutex::new(None);
    fn leaves() -> impl Layer<Below, Service: HttpService> {
        around(async |mut below, req| {
            let (parts, body) = req.into_parts();
            let other = http::Request::from_parts(parts.clone(), Body::empty());
            *LEFT.lock().unwrap() = Some(Box::pin(below.call(other)));
            below.oneshot(http::Request::from_parts(parts, body)).await
        })
    }
    assert_eq!(text(&over_names_path(leaves), get("/")).unwrap(), "/");
    let left = LEFT.lock().unwrap().take().unwrap();
    let error = Error::from(block_on(left).unwrap_err());
    assert!(error.message().contains("has ended"), "{error}");
}

#[test]
fn request_of_the_layers_own_says_what_to_do() {
    fn own() -> impl Layer<Below, Service: HttpService> {
        around(async |below, _req| below.oneshot(http::Request::new(Body::empty())).await)
    }
    let error = block_on(over_names_path(own).answer(get("/"))).unwrap_err();
    assert!(error.message().contains("keep the extensions"), "{error}");
}

#[test]
fn body_of_another_type_passes() {
    fn limits() -> impl Layer<Below, Service: HttpService> {
        layer_fn(|below: Below| {
            service_fn(move |req: http::Request<Body>| {
                let req = req.map(|body| http_body_util::Limited::new(body, 3));
                let below = below.clone();
                async move {
                    let res = below.oneshot(req).await?;
                    Ok::<_, BoxError>(res.map(|body| http_body_util::Limited::new(body, 100)))
                }
            })
        })
    }
    async fn read(mut req: Request) -> Result<Body> {
        Ok(req.take_body().collect(100).await?.bytes.into())
    }
    let layer = testing::middleware_layer(limits, json!(null)).unwrap();
    let stack = layer.over(testing::app_fn(read).unwrap());
    assert_eq!(text(&stack, post("/", "tea")).unwrap(), "tea");
    let error = text(&stack, post("/", "coffee")).unwrap_err();
    assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[cfg(feature = "axum")]
mod like_axum {
    use axum::extract::{ConnectInfo, OriginalUri};
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn extractors_of_a_server_work() {
        async fn where_from(
            ConnectInfo(client): ConnectInfo<std::net::SocketAddr>,
            OriginalUri(uri): OriginalUri,
        ) -> String {
            format!("{client} {uri}")
        }
        fn router() -> Router {
            Router::new().nest("/nested", Router::new().route("/tea", on_get(where_from)))
        }
        let app = testing::app_service(router, json!(null)).unwrap();
        let request = get("/shop/nested/tea?cup=1").script_name("/shop");
        let text = text(&app, request).unwrap();
        assert_eq!(text, "127.0.0.1:50000 /shop/nested/tea?cup=1");
    }

    /// Echoes what it gets through hyper's upgrade, as axum's `ws` does.
    async fn echo(mut req: axum::extract::Request) -> axum::response::Response {
        let on_upgrade = hyper::upgrade::on(&mut req);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(on_upgrade.await.unwrap());
            let mut buffer = [0; 100];
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => break stream.write_all(b"bye").await.unwrap(),
                    length => stream.write_all(&buffer[..length]).await.unwrap(),
                }
            }
        });
        let response = http::Response::builder()
            .status(101)
            .header("upgrade", "echo");
        let response = response
            .header("connection", "upgrade")
            .header("x-kept", "1");
        response.body(axum::body::Body::empty()).unwrap()
    }

    fn router() -> Router {
        Router::new().route("/", on_get(echo))
    }

    #[test]
    fn upgrade_by_hyper_reaches_the_client() {
        let app = testing::with_tokio(|| testing::app_service(router, json!(null))).unwrap();
        let request = get("/").offering("echo", "Hello? ");
        let res = block_on(app.answer(request)).unwrap();
        assert_eq!((res.status().as_u16(), res.accepted()), (101, Some("echo")));
        assert_eq!(res.header("x-kept"), Some("1"));
        assert_eq!(
            (res.header("upgrade"), res.header("connection")),
            (None, None)
        );
        assert_eq!(block_on(res.finish()).unwrap(), "Hello? bye");
    }

    #[test]
    fn offer_that_is_not_taken_changes_nothing() {
        let app = testing::app_service(|| Router::new().route("/", on_get("no")), json!(null));
        let request = get("/").offering("echo", "Hello?");
        assert_eq!(text(&app.unwrap(), request).unwrap(), "no");
    }
}
