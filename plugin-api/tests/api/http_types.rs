use stackup_plugin::http::{self, Method};
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
