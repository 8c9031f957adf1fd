use stackup_plugin::http::{self, Method, Version};
use stackup_plugin::testing::{self, block_on, post};
use stackup_plugin::{Body, Next, Request, Response, Result};

#[test]
fn request_survives_http_round_trip() {
    async fn through_http(mut req: Request, next: Next<'_>) -> Result {
        req.env_mut().set("kept", "yes");
        req.on_finished(|_| stackup_plugin::tracing::info!("hook"));
        req.set_script_name("/a")?;
        req.set_path_info("/b")?;
        let (mut parts, body) = req.into_http().into_parts();
        parts.headers.insert("x-new", "1".parse()?);
        parts.headers.remove("x-old");
        parts.method = Method::PUT;
        next.run(Request::from_http(http::Request::from_parts(parts, body)))
            .await
    }
    let log = testing::log();
    let text = block_on(async {
        let below = async |mut req: Request| {
            let body = req.take_body().collect(10).await?.bytes;
            let env = req.env();
            let all = [
                "kept",
                "SCRIPT_NAME",
                "PATH_INFO",
                "HTTP_X_NEW",
                "HTTP_X_OLD",
                "REQUEST_METHOD",
                "REMOTE_ADDR",
            ]
            .map(|name| env.get(name).unwrap_or_default().into_owned());
            Ok::<_, stackup_plugin::Error>(format!("{all:?} {body:?}"))
        };
        let layer = testing::middleware_fn(through_http)?;
        layer
            .call(post("/a/b", "text").header("x-old", "1"), below)
            .await?
            .finish()
            .await
    });
    assert_eq!(
        text.unwrap(),
        r#"["yes", "/a", "/b", "1", "", "PUT", "127.0.0.1"] b"text""#
    );
    assert_eq!(log.messages(), ["hook"]);
}

#[test]
fn changed_uri_resets_paths() {
    let mut http = http::Request::new(Body::empty());
    *http.uri_mut() = "/x?y".parse().unwrap();
    let mut req = Request::from_http(http);
    assert_eq!((req.path_info(), req.query()), ("/x", "y"));
    req.set_script_name("/s").unwrap();
    let mut http = req.into_http();
    *http.uri_mut() = "/z".parse().unwrap();
    let req = Request::from_http(http);
    assert_eq!((req.script_name(), req.path_info()), ("", "/z"));
}

#[test]
fn response_survives_http_round_trip() {
    let mut http = http::Response::new("body");
    *http.status_mut() = http::StatusCode::CREATED;
    http.headers_mut().append("a", "1".parse().unwrap());
    http.headers_mut().append("a", "2".parse().unwrap());
    let http = Response::from_http(http).into_http();
    assert_eq!(
        (
            http.status().as_u16(),
            http.headers().get_all("a").iter().count()
        ),
        (201, 2)
    );
    assert_eq!(
        block_on(http.into_body().collect(10)).unwrap().bytes,
        "body"
    );
}

#[test]
fn mounted_app_sees_its_own_part_of_the_path() {
    async fn here(mut req: Request, next: Next<'_>) -> Result {
        req.set_script_name("/shop")?;
        req.set_path_info("/tea")?;
        let client = req.remote_addr();
        let http = req.into_http_here();
        assert_eq!(http.uri(), "/tea?cup=1");
        assert_eq!(http.extensions().get(), client.as_ref());
        next.run(Request::from_http(http)).await
    }
    async fn paths(req: Request) -> String {
        format!(
            "[{}] [{}] {}",
            req.script_name(),
            req.path_info(),
            req.uri()
        )
    }
    let stack = testing::middleware_fn(here).unwrap();
    let stack = stack.over(testing::app_fn(paths).unwrap());
    let text = block_on(async { stack.answer(testing::get("/x?cup=1")).await?.finish().await });
    assert_eq!(text.unwrap(), "[/shop] [/tea] /shop/tea?cup=1");
}

#[test]
fn offer_by_http2_has_the_version_whose_form_it_has() {
    async fn versions(req: Request) -> String {
        let own = req.version();
        format!("{own:?} {:?}", req.into_http().version())
    }
    let app = testing::app_fn(versions).unwrap();
    let get = || testing::get("/").version(Version::HTTP_2);
    for (request, expected) in [
        (get().offering("echo", ""), "HTTP/2.0 HTTP/1.1"),
        (get(), "HTTP/2.0 HTTP/2.0"),
    ] {
        let text = block_on(async { app.answer(request).await?.finish().await });
        assert_eq!(text.unwrap(), expected);
    }
}

#[test]
fn root_of_a_mounted_app_is_a_slash() {
    async fn root(mut req: Request) -> Result<String> {
        req.set_script_name("/shop")?;
        req.set_path_info("")?;
        Ok(req.into_http_here().uri().to_string())
    }
    let app = testing::app_fn(root).unwrap();
    let text = block_on(async { app.answer(testing::get("/")).await?.finish().await });
    assert_eq!(text.unwrap(), "/");
}

/// An axum app behind a body that fails.
async fn axum_app(req: Request) -> Result {
    async fn read(text: String) -> String {
        text
    }
    let router = axum::Router::new().route("/", axum::routing::post(read));
    let request = req.into_http_here().map(axum::body::Body::new);
    let response = tower::ServiceExt::oneshot(router, request).await?;
    Ok(Response::from_http(response.map(Body::new)))
}

#[test]
fn body_that_is_too_long_is_413_through_axum() {
    async fn fails(mut req: Request, next: Next<'_>) -> Result {
        let body = req.take_body();
        // As the host's `[limits] body_bytes` does.
        let error = body.collect(2).await.unwrap_err();
        let chunks = vec![Ok("be"), Err(error)].into_iter();
        req.set_body(Body::from_stream(Chunks(chunks)));
        next.run(req).await
    }
    let stack = testing::middleware_fn(fails).unwrap();
    let stack = stack.over(testing::app_fn(axum_app).unwrap());
    let response = block_on(stack.answer(post("/", "begins"))).unwrap();
    assert_eq!(response.status(), 413);
}

/// Chunks that are there.
struct Chunks(std::vec::IntoIter<Result<&'static str>>);

impl futures_core::Stream for Chunks {
    type Item = Result<&'static str>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

#[test]
fn shared_body_keeps_size_and_trailers() {
    fn is_sync<T: Sync>(value: T) -> T {
        value
    }
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", http::HeaderValue::from_static("7"));
    let body = Body::from("text").map_chunks(|chunk| chunk);
    let sync = is_sync(body.into_sync());
    assert_eq!(http_body::Body::size_hint(&sync).lower(), 0);
    let frames = [
        Ok::<_, stackup_plugin::Error>(http_body::Frame::data("text".into())),
        Ok(http_body::Frame::trailers(trailers)),
    ];
    let body = Body::new(http_body_util::StreamBody::new(Frames(
        Vec::from(frames).into_iter(),
    )));
    let all = block_on(http_body_util::BodyExt::collect(body.into_sync())).unwrap();
    assert_eq!(all.trailers().unwrap()["x-sum"], "7");
    assert_eq!(all.to_bytes(), "text");
}

/// Frames that are there.
struct Frames(std::vec::IntoIter<Result<http_body::Frame<stackup_plugin::Bytes>>>);

impl futures_core::Stream for Frames {
    type Item = Result<http_body::Frame<stackup_plugin::Bytes>>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}
