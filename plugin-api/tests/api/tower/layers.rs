//! Layers of tower above other handlers.

use super::*;

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
