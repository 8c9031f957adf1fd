use stackup_plugin::testing::{self, block_on, get, json, post};

use super::*;

#[test]
fn request_is_echoed_without_secrets() {
    block_on(async {
        let echo = testing::app::<Echo>(json!({})).unwrap();
        let request = post("/a%20b?c=d", "the body")
            .header("x-twice", "1")
            .header("x-twice", "2")
            .header("cookie", "s3cret")
            .header("authorization", "Basic s3cret");
        let res = echo.answer(request).await.unwrap();
        assert_eq!(
            res.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(res.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(res.header("cache-control"), Some("no-store"));
        let expected = "POST /a%20b?c=d HTTP/1.1\nx-twice: 1\nx-twice: 2\n\nthe body";
        assert_eq!(res.finish().await.unwrap(), expected);
    });
}

#[test]
fn chunk_is_echoed_before_the_next_is_sent() {
    block_on(async {
        let echo = testing::app::<Echo>(json!({})).unwrap();
        let (mut sender, body) = Body::channel(1);
        let mut res = echo.answer(post("/", body)).await.unwrap();
        let mut body = res.take_body();
        assert_eq!(body.size_hint().exact(), None);
        let mut next = async || body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(next().await, "POST / HTTP/1.1\n\n");
        for chunk in ["one", "two"] {
            sender.send(chunk).await.unwrap();
            assert_eq!(next().await, chunk);
        }
        drop(sender);
        assert!(body.frame().await.is_none());
    });
}

#[test]
fn length_is_known_if_the_request_has_one() {
    block_on(async {
        let echo = testing::app::<Echo>(json!({})).unwrap();
        let mut res = echo.answer(post("/", "12345")).await.unwrap();
        assert_eq!(res.take_body().size_hint().exact(), Some(17 + 5));
    });
}

#[test]
fn config_decides_what_is_hidden() {
    block_on(async {
        let echo = testing::app::<Echo>(json!({ "hide": ["X-Key"] })).unwrap();
        let request = get("/").header("x-key", "k").header("cookie", "c");
        let res = echo.answer(request).await.unwrap();
        assert_eq!(res.finish().await.unwrap(), "GET / HTTP/1.1\ncookie: c\n\n");
    });
    let error = testing::app::<Echo>(json!({ "hide": ["a", "b:"] }))
        .err()
        .unwrap();
    assert_eq!(
        (error.place(), error.message()),
        ("hide[1]", "\"b:\" is not a header name")
    );
}
