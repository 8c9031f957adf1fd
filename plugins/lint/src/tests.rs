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

/// What a strict lint says of an answer, be it of its head or its body.
fn verdict(answer: impl IntoResponse + Send + 'static) -> String {
    let res = call(get("/"), answer);
    match res.and_then(|res| block_on(res.finish())) {
        Ok(_) => "fine".to_owned(),
        Err(error) => seen(&error),
    }
}

/// What a strict lint has seen, without how to mend it.
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

/// A lint, this middleware, a lint, and an app that answers so.
fn between(middle: Result<Mounted>, app: Mounted) -> Result<String> {
    let stack = lint().over(middle?).over(lint()).over(app);
    block_on(async { stack.answer(get("/")).await?.finish().await })
}

fn tagged() -> Mounted {
    testing::app_fn(async || ([("etag", "\"a\"")], streamed(&["hel", "lo"]))).unwrap()
}

#[test]
fn what_keeps_the_rules_passes() {
    assert_eq!(verdict("hello"), "fine");
    assert_eq!(verdict(streamed(&["a", "b"])), "fine");
    assert_eq!(
        verdict(([("content-length", "2")], streamed(&["a", "b"]))),
        "fine"
    );
    assert_eq!(verdict(StatusCode::NO_CONTENT), "fine");
    // Of another response than this one (RFC 9110 §8.6).
    assert_eq!(
        verdict((StatusCode::NOT_MODIFIED, [("content-length", "7")], ())),
        "fine"
    );
    let head = (StatusCode::OK, [("content-length", "7")], ());
    assert!(call(request(Method::HEAD, "/"), head).is_ok());
    assert!(call(request(Method::OPTIONS, "*"), ()).is_ok());
}

#[test]
fn heads_that_lie_are_told() {
    let cases: [(StatusCode, (&str, &str), &str); 7] = [
        (
            StatusCode::OK,
            ("upgrade", "h2c"),
            "K13: a handler set `upgrade`",
        ),
        (
            StatusCode::CONTINUE,
            ("a", "b"),
            "R17: 100 is no final response",
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
            "K9: `content-length` is not one number",
        ),
        (
            StatusCode::OK,
            ("content-length", "5, 5"),
            "K9: `content-length` is not one number",
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
fn requests_that_do_not_fit_are_told() {
    let of = |request: TestRequest| seen(&call(request, ()).unwrap_err());
    assert_eq!(
        of(get("*")),
        "R8: PATH_INFO is `*`, which is for OPTIONS, not GET"
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
fn bodies_that_break_a_promise_are_told() {
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
fn strong_tag_on_other_bytes_is_told() {
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
    let expected = "K9: a body of 5 bytes became one of 7, but its strong `etag` stayed";
    assert_eq!(seen(&error), expected);
    assert_eq!(between(middleware_fn(honest), tagged()).unwrap(), "hel!lo!");
    assert_eq!(between(middleware_fn(weak), tagged()).unwrap(), "hel!lo!");
    assert_eq!(between(middleware_fn(part), tagged()).unwrap(), "hel!lo!");
    assert_eq!(between(middleware_fn(same), tagged()).unwrap(), "hello");
}

/// Holds `.0` chunks back at a time.
struct Holds(usize, Vec<u8>, usize);

impl Rewrite for Holds {
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

async fn holds_two(req: Request, next: Next<'_>) -> Result {
    let mut res = next.run(req).await?;
    res.map_body(|body| body.rewrite(Holds(2, Vec::new(), 0)));
    Ok(res)
}

async fn holds_all(req: Request, next: Next<'_>) -> Result {
    let mut res = next.run(req).await?;
    res.map_body(|body| body.rewrite(Holds(usize::MAX, Vec::new(), 0)));
    Ok(res)
}

async fn collects(req: Request, next: Next<'_>) -> Result {
    let mut res = next.run(req).await?;
    let body = res.take_body().collect(1 << 20).await?;
    res.set_body(body.bytes);
    Ok(res)
}

#[test]
fn layer_that_buffers_is_told() {
    const LONG: [&str; 20] = ["a line of text that goes on and on and on, and on and on until it is nearly five hundred bytes long, which is a page of such lines after twenty of them; so it goes on and on and on, and on and on until it is nearly five hundred bytes long, which is a page of such lines after twenty of them; and so it goes on and on and on, and on and on until it is nearly five hundred bytes long, which is a page of such lines after twenty of them; and so it goes on and on and on, and on, and on, and on";
        20];
    let long = || testing::app_fn(async || streamed(&LONG)).unwrap();
    let expected = "K8: 20 chunks (9";
    for error in [
        between(middleware_fn(holds_all), long()).unwrap_err(),
        between(middleware_fn(collects), long()).unwrap_err(),
    ] {
        assert!(error.message().starts_with(expected), "{error}");
    }
    assert!(between(middleware_fn(holds_two), long()).is_ok());
    // A word of small chunks may be held.
    let short = testing::app_fn(async || streamed(&["a"; 20])).unwrap();
    assert_eq!(
        between(middleware_fn(holds_all), short).unwrap(),
        "a".repeat(20)
    );
}

/// Trailers, and data after them.
struct GoesOn(u8);

impl HttpBody for GoesOn {
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
fn body_that_goes_on_is_told() {
    assert_eq!(
        verdict(Body::new(GoesOn(0))),
        "K10: a body went on after its trailers or its end"
    );
}

#[test]
fn who_blocks_is_logged() {
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
        messages[0].starts_with("K1: the layers below kept the thread for"),
        "{messages:?}"
    );
    assert!(
        messages[1].starts_with("K10: a body kept the thread for"),
        "{messages:?}"
    );
}

#[test]
fn without_strict_offences_are_logged_alone() {
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
            "ERROR K9: `content-length` is 3, but the body has 2 bytes; remove it or set it right where \
             the body is changed"
        ]
    );
}

#[test]
fn errors_go_up_as_they_are() {
    let fail = Err::<(), _>(Error::new(StatusCode::IM_A_TEAPOT, "no"));
    assert_eq!(call(get("/"), fail).unwrap_err().status(), 418);
    let (sender, body) = Body::channel(1);
    sender.fail(Error::msg("disk on fire"));
    assert_eq!(verdict(([("content-length", "9")], body)), "disk on fire");
}
