use std::pin::Pin;
use std::task::{Context as Cx, Poll};

use stackup_plugin::body::Rewrite;
use stackup_plugin::http_body::{Body as HttpBody, Frame};
use stackup_plugin::testing::{
    self, Answered, Mounted, TestRequest, block_on, get, json, middleware_fn, request,
};
use stackup_plugin::{Bytes, Error, IntoResponse, StatusCode};

use super::*;

fn lint() -> Mounted {
    testing::middleware::<Lint>(json!({})).unwrap()
}

fn call(request: TestRequest, answer: impl IntoResponse + Send + 'static) -> Result<Answered> {
    block_on(lint().call(request, async move |_req: Request| answer))
}

/// What a strict lint reports about a response, its head or its body.
fn verdict(answer: impl IntoResponse + Send + 'static) -> String {
    let res = call(get("/"), answer);
    match res.and_then(|res| block_on(res.finish())) {
        Ok(_) => "ok".to_owned(),
        Err(error) => seen(&error),
    }
}

/// What a strict lint has observed, without the fix.
fn seen(error: &Error) -> String {
    let message = error.message().split("; ").next();
    message.unwrap_or_default().to_owned()
}

fn streamed(chunks: &[&'static str]) -> Body {
    let (mut sender, body) = Body::channel(chunks.len());
    chunks
        .iter()
        .for_each(|chunk| block_on(sender.send(*chunk)).unwrap());
    body
}

/// The response of a lint, `middle`, another lint and `app`.
fn between(middle: Result<Mounted>, app: Mounted) -> Result<String> {
    let stack = lint().over(middle?).over(lint()).over(app);
    block_on(async { stack.answer(get("/")).await?.finish().await })
}

fn tagged() -> Mounted {
    testing::app_fn(async || ([("etag", "\"a\"")], streamed(&["hel", "lo"]))).unwrap()
}

#[test]
fn valid_responses_pass() {
    assert_eq!(verdict("hello"), "ok");
    assert_eq!(verdict(streamed(&["a", "b"])), "ok");
    assert_eq!(
        verdict(([("content-length", "2")], streamed(&["a", "b"]))),
        "ok"
    );
    assert_eq!(verdict(StatusCode::NO_CONTENT), "ok");
    // It describes another response (RFC 9110 §8.6).
    assert_eq!(
        verdict((StatusCode::NOT_MODIFIED, [("content-length", "7")], ())),
        "ok"
    );
    let head = (StatusCode::OK, [("content-length", "7")], ());
    assert!(call(request(Method::HEAD, "/"), head).is_ok());
    assert!(call(request(Method::OPTIONS, "*"), ()).is_ok());
}

#[test]
fn invalid_heads_are_reported() {
    let cases: [(StatusCode, (&str, &str), &str); 7] = [
        (
            StatusCode::OK,
            ("upgrade", "h2c"),
            "K13: a handler set `upgrade`",
        ),
        (
            StatusCode::CONTINUE,
            ("a", "b"),
            "R17: 100 is not a final status",
        ),
        (
            StatusCode::OK,
            ("transfer-encoding", "chunked"),
            "R17: a handler set",
        ),
        (
            StatusCode::OK,
            ("content-length", "6"),
            "K9: `content-length` is 6, but the body has 5",
        ),
        (
            StatusCode::OK,
            ("content-length", "+5"),
            "K9: `content-length` is not a single number",
        ),
        (
            StatusCode::OK,
            ("content-length", "5, 5"),
            "K9: `content-length` is not a single number",
        ),
        (
            StatusCode::NO_CONTENT,
            ("content-length", "5"),
            "K12: a 204 has no content, but this one has a body",
        ),
    ];
    for (status, header, expected) in cases {
        let verdict = verdict((status, [header], "hello"));
        assert!(verdict.starts_with(expected), "{verdict}");
    }
}

#[test]
fn invalid_requests_are_reported() {
    let of = |request: TestRequest| seen(&call(request, ()).unwrap_err());
    assert_eq!(
        of(get("*")),
        "R8: PATH_INFO is `*`, which only OPTIONS may use, not GET"
    );
    let taken = of(get("/").header("content-length", "5"));
    assert!(taken.starts_with("K5: the request's `content-length` is 5, but the body"));
    assert!(
        call(
            testing::post("/", "hello").header("content-length", "5"),
            ()
        )
        .is_ok()
    );
    async fn empties(mut req: Request, next: Next<'_>) -> Result {
        req.set_path_info("")?;
        next.run(req).await
    }
    let stack = middleware_fn(empties).unwrap().over(lint());
    let error = block_on(stack.call(get("/"), async |_req| "")).unwrap_err();
    assert_eq!(seen(&error), "R8: SCRIPT_NAME and PATH_INFO are both empty");
}

#[test]
fn wrong_content_length_is_reported() {
    let promise = |length, chunks| verdict(([("content-length", length)], streamed(chunks)));
    assert_eq!(
        promise("3", &["ab", "cd"]),
        "K9: `content-length` is 3, but the body has 4 or more"
    );
    assert_eq!(
        promise("3", &["ab"]),
        "K9: `content-length` is 3, but the body has 2 bytes"
    );
}

#[test]
fn strong_etag_on_other_bytes_is_reported() {
    async fn longer(req: Request, next: Next<'_>) -> Result {
        let mut res = next.run(req).await?;
        res.map_body(|body| body.map_chunks(|chunk| [&chunk[..], b"!"].concat().into()));
        Ok(res)
    }
    async fn honest(req: Request, next: Next<'_>) -> Result {
        let mut res = longer(req, next).await?;
        res.headers_mut().remove("etag");
        Ok(res)
    }
    async fn weak(req: Request, next: Next<'_>) -> Result {
        let mut res = longer(req, next).await?;
        res.headers_mut().insert("etag", "W/\"a\"")?;
        Ok(res)
    }
    async fn part(req: Request, next: Next<'_>) -> Result {
        let mut res = longer(req, next).await?;
        res.set_status(StatusCode::PARTIAL_CONTENT);
        Ok(res)
    }
    async fn same(req: Request, next: Next<'_>) -> Result {
        next.run(req).await
    }
    let error = between(middleware_fn(longer), tagged()).unwrap_err();
    let expected = "K9: a body of 5 bytes became 7 bytes long, but kept its strong `etag`";
    assert_eq!(seen(&error), expected);
    assert_eq!(between(middleware_fn(honest), tagged()).unwrap(), "hel!lo!");
    assert_eq!(between(middleware_fn(weak), tagged()).unwrap(), "hel!lo!");
    assert_eq!(between(middleware_fn(part), tagged()).unwrap(), "hel!lo!");
    assert_eq!(between(middleware_fn(same), tagged()).unwrap(), "hello");
}

/// Buffers `.0` chunks at a time.
struct Buffers(usize, Vec<u8>, usize);

impl Rewrite for Buffers {
    fn chunk(&mut self, chunk: Bytes) -> Result<Bytes> {
        self.1.extend_from_slice(&chunk);
        self.2 += 1;
        Ok(match self.2 % self.0 {
            0 => std::mem::take(&mut self.1).into(),
            _ => Bytes::new(),
        })
    }

    fn end(&mut self) -> Result<Bytes> {
        Ok(std::mem::take(&mut self.1).into())
    }
}

async fn buffers_two(req: Request, next: Next<'_>) -> Result {
    let mut res = next.run(req).await?;
    res.map_body(|body| body.rewrite(Buffers(2, Vec::new(), 0)));
    Ok(res)
}

async fn buffers_all(req: Request, next: Next<'_>) -> Result {
    let mut res = next.run(req).await?;
    res.map_body(|body| body.rewrite(Buffers(usize::MAX, Vec::new(), 0)));
    Ok(res)
}

async fn collects(req: Request, next: Next<'_>) -> Result {
    let mut res = next.run(req).await?;
    let body = res.take_body().collect(1 << 20).await?;
    res.set_body(body.bytes);
    Ok(res)
}

#[test]
fn layer_that_buffers_is_reported() {
    const LONG: [&str; 20] = ["a line of text that goes on and on and on, and on and on until it is nearly five hundred bytes long, which is a page of such lines after twenty of them; so it goes on and on and on, and on and on until it is nearly five hundred bytes long, which is a page of such lines after twenty of them; and so it goes on and on and on, and on and on until it is nearly five hundred bytes long, which is a page of such lines after twenty of them; and so it goes on and on and on, and on, and on, and on";
        20];
    let long = || testing::app_fn(async || streamed(&LONG)).unwrap();
    let expected = "K8: 20 chunks (9";
    for error in [
        between(middleware_fn(buffers_all), long()).unwrap_err(),
        between(middleware_fn(collects), long()).unwrap_err(),
    ] {
        assert!(error.message().starts_with(expected), "{error}");
    }
    assert!(between(middleware_fn(buffers_two), long()).is_ok());
    // A layer may buffer a few small chunks.
    let short = testing::app_fn(async || streamed(&["a"; 20])).unwrap();
    assert_eq!(
        between(middleware_fn(buffers_all), short).unwrap(),
        "a".repeat(20)
    );
}

/// Trailers, and data after them.
struct DataAfterTrailers(u8);

impl HttpBody for DataAfterTrailers {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Cx<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(Frame::trailers(Default::default()))),
            2 => Some(Ok(Frame::data("more".into()))),
            _ => None,
        })
    }
}

#[test]
fn data_after_trailers_is_reported() {
    assert_eq!(
        verdict(Body::new(DataAfterTrailers(0))),
        "K10: a body sent data after its trailers or its end"
    );
}

#[test]
fn blocking_is_logged() {
    let log = testing::log();
    let config = json!({ "blocking_ms": 5 });
    let blocks = || std::thread::sleep(Duration::from_millis(20));
    let lint = testing::middleware::<Lint>(config).unwrap();
    block_on(async {
        let below = async move |_req| {
            blocks();
            streamed(&["a"]).map_chunks(move |chunk| {
                blocks();
                chunk
            })
        };
        lint.call(get("/"), below)
            .await
            .unwrap()
            .finish()
            .await
            .unwrap();
    });
    let messages = log.messages();
    assert!(
        messages[0].starts_with("K1: the layers below blocked the thread for"),
        "{messages:?}"
    );
    assert!(
        messages[1].starts_with("K10: a body blocked the thread for"),
        "{messages:?}"
    );
}

#[test]
fn without_strict_violations_are_only_logged() {
    let log = testing::log();
    let config = json!({ "strict": false });
    let lint = testing::middleware::<Lint>(config).unwrap();
    let text = block_on(async {
        let below = async |_req| ([("content-length", "3")], streamed(&["ab"]));
        lint.call(get("/"), below)
            .await
            .unwrap()
            .finish()
            .await
            .unwrap()
    });
    assert_eq!(text, "ab");
    let lines: Vec<_> = log.lines().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "ERROR K9: `content-length` is 3, but the body has 2 bytes; remove or correct it where the \
             body changes"
        ]
    );
}

#[test]
fn errors_pass_unchanged() {
    let fail = Err::<(), _>(Error::new(StatusCode::IM_A_TEAPOT, "no"));
    assert_eq!(call(get("/"), fail).unwrap_err().status(), 418);
    let (sender, body) = Body::channel(1);
    sender.fail(Error::msg("disk on fire"));
    assert_eq!(verdict(([("content-length", "9")], body)), "disk on fire");
}
