use stackup_plugin::testing::{self, Answered, Json, block_on, get, json, request};
use stackup_plugin::{Body, IntoResponse};

use super::*;

fn answered(config: Json, method: Method, answer: impl IntoResponse + Send + 'static) -> Answered {
    let mounted = testing::middleware::<ShowStatus>(config).unwrap();
    let below = async move |_req: Request| answer;
    block_on(mounted.call(request(method, "/a&'b"), below)).unwrap()
}

fn body(res: Answered) -> String {
    block_on(res.finish()).unwrap()
}

fn of_get(answer: impl IntoResponse + Send + 'static) -> String {
    body(answered(json!({}), Method::GET, answer))
}

#[test]
fn empty_error_gets_a_page() {
    let headers = [
        ("content-type", "a/b"),
        ("content-length", "0"),
        ("etag", "\"a\""),
        ("content-encoding", "gzip"),
        ("allow", "GET"),
    ];
    let res = answered(
        json!({}),
        Method::GET,
        (StatusCode::METHOD_NOT_ALLOWED, headers, ""),
    );
    assert_eq!(res.status(), 405);
    assert_eq!(res.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(res.header("allow"), Some("GET"));
    assert_eq!(res.header("etag").or(res.header("content-encoding")), None);
    let length: usize = res.header("content-length").unwrap().parse().unwrap();
    let page = body(res);
    assert_eq!(page.len(), length);
    assert!(page.contains("<h1>405 Method Not Allowed</h1>"), "{page}");
    for status in [400, 404, 500, 599] {
        let status = StatusCode::from_u16(status).unwrap();
        assert!(of_get(status).contains(status.as_str()));
    }
}

#[test]
fn other_responses_pass_unchanged() {
    assert_eq!(of_get(StatusCode::OK), "");
    assert_eq!(of_get(StatusCode::SEE_OTHER), "");
    assert_eq!(of_get((StatusCode::NOT_FOUND, "own page")), "own page");
    // Rack drops a stream that has no length.
    let (mut sender, stream) = Body::channel(1);
    block_on(sender.send("streamed")).unwrap();
    drop(sender);
    assert_eq!(of_get((StatusCode::NOT_FOUND, stream)), "streamed");
}

#[test]
fn page_is_escaped() {
    let config = json!({ "details": { "404": "<i>Gone & lost</i>" } });
    let page = body(answered(config, Method::GET, StatusCode::NOT_FOUND));
    assert!(
        page.contains("&lt;i&gt;Gone &amp; lost&lt;/i&gt;"),
        "{page}"
    );
    assert!(
        page.contains("GET /a&amp;&#39;b") && !page.contains("<i>"),
        "{page}"
    );
}

#[test]
fn head_gets_the_length_of_the_page() {
    let head = |length: &'static str| {
        let answer = (StatusCode::NOT_FOUND, [("content-length", length)], ());
        let res = answered(json!({}), Method::HEAD, answer);
        res.header("content-length").unwrap().to_owned()
    };
    assert_eq!(head("7"), "7");
    assert_ne!(head("0"), "0");
    let res = answered(json!({}), Method::HEAD, StatusCode::NOT_FOUND);
    assert!(!res.headers().contains("content-length"));
}

#[test]
fn error_passes_unchanged() {
    block_on(async {
        let mounted = testing::middleware::<ShowStatus>(json!({})).unwrap();
        let fail = async |_req| Err::<(), _>(Error::new(StatusCode::NOT_FOUND, "no"));
        assert_eq!(
            mounted.call(get("/"), fail).await.unwrap_err().status(),
            404
        );
    });
}

#[test]
fn error_points_at_the_key() {
    for number in ["200", "4o4", "99", "600"] {
        let config = json!({ "details": { number: "x" } });
        let error = testing::middleware::<ShowStatus>(config).err().unwrap();
        assert_eq!(error.place(), format!("details.{number}"));
    }
}
