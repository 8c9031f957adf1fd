use stackup_plugin::testing::{self, Answered, Json, block_on, get, json, request};
use stackup_plugin::{Body, IntoResponse};

use super::*;

/// The response when the app below returns `answer`.
fn answered(config: Json, method: Method, answer: impl IntoResponse + Send + 'static) -> Answered {
    let etag = testing::middleware::<ETag>(config).unwrap();
    let below = async move |_req: Request| answer;
    block_on(etag.call(request(method, "/"), below)).unwrap()
}

fn tag_of(answer: impl IntoResponse + Send + 'static) -> Option<String> {
    let res = answered(json!({}), Method::GET, answer);
    res.header("etag").map(ToOwned::to_owned)
}

#[test]
fn tag_is_half_of_the_sha_256() {
    // printf hello | sha256sum
    let tag = r#"W/"2cf24dba5fb0a30e26e83b2ac5b9e29e""#;
    let res = answered(json!({}), Method::GET, "hello");
    assert_eq!(res.header("etag"), Some(tag));
    let control = "max-age=0, private, must-revalidate";
    assert_eq!(res.header("cache-control"), Some(control));
    assert_eq!(block_on(res.finish()).unwrap(), "hello");
    assert_ne!(tag_of("hello!").unwrap(), tag);
}

#[test]
fn same_content_gets_the_same_tag() {
    let large = vec![b'x'; 100_000];
    assert!(tag_of(large.clone()).is_some());
    assert_eq!(tag_of(large.clone()), tag_of(Body::from(large)));
    let query = Method::from_bytes(b"QUERY").unwrap();
    for method in [Method::HEAD, query] {
        assert!(answered(json!({}), method, "a").headers().contains("etag"));
    }
}

#[test]
fn existing_validators_are_kept() {
    assert_eq!(tag_of(([("etag", "\"mine\"")], "a")).unwrap(), "\"mine\"");
    assert_eq!(tag_of(([("last-modified", "yesterday")], "a")), None);
}

#[test]
fn other_statuses_and_methods_get_no_tag() {
    assert_eq!(tag_of(""), None);
    for status in [201, 206, 304, 404, 500] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(tag_of((status, "a")), None, "{status}");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        assert!(!answered(json!({}), method, "a").headers().contains("etag"));
    }
}

#[test]
fn long_body_is_not_hashed() {
    let of = |answer| answered(json!({ "max_bytes": 3 }), Method::GET, answer);
    assert!(of("abc").headers().contains("etag"));
    assert!(!of("abcd").headers().contains("etag"));
    assert_eq!(block_on(of("abcd").finish()).unwrap(), "abcd");
}

#[test]
fn streaming_body_is_not_awaited() {
    block_on(async {
        let etag = testing::middleware::<ETag>(json!({})).unwrap();
        let (mut sender, body) = Body::channel(1);
        // Had it waited for the body, there would be no response.
        let mut res = etag.call(get("/"), async |_req| body).await.unwrap();
        assert!(!res.headers().contains("etag"));
        sender.send("late").await.unwrap();
        drop(sender);
        assert_eq!(res.take_body().collect(9).await.unwrap().bytes, "late");
    });
}

#[test]
fn existing_cache_control_is_kept() {
    let config = || json!({ "cache_control": "no-cache", "no_cache_control": "no-store" });
    let control = |config, answer: Result| {
        let res = answered(config, Method::GET, answer);
        res.header("cache-control").map(ToOwned::to_owned)
    };
    let plain = || "a".into_response();
    let own = || ([("cache-control", "public")], "a").into_response();
    assert_eq!(control(config(), plain()).unwrap(), "no-cache");
    assert_eq!(control(config(), own()).unwrap(), "public");
    assert_eq!(control(config(), "".into_response()).unwrap(), "no-store");
    assert_eq!(control(json!({ "cache_control": "" }), plain()), None);
    assert_eq!(control(json!({}), "".into_response()), None);
}

#[test]
fn error_points_at_the_key() {
    let config = json!({ "no_cache_control": "a\nb" });
    let error = testing::middleware::<ETag>(config).err().unwrap();
    assert_eq!(error.place(), "no_cache_control");
    assert_eq!(error.message(), r#""a\nb" can't be the value of a header"#);
}
