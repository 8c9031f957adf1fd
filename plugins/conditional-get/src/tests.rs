use stackup_plugin::testing::{self, Answered, TestRequest, block_on, get, request};
use stackup_plugin::{IntoResponse, Method};

use super::*;

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

fn asked(request: TestRequest, answer: impl IntoResponse + Send + 'static) -> Answered {
    let mounted = testing::middleware_fn(conditional_get).unwrap();
    block_on(mounted.call(request, async move |_req: Request| answer)).unwrap()
}

/// The status where the client has these tags, and the content this one.
fn with_tags(wanted: &str, etag: &'static str) -> u16 {
    let request = get("/").header("if-none-match", wanted);
    asked(request, ([("etag", etag)], "content"))
        .status()
        .as_u16()
}

/// The status where the client has content of this date, and the content is of `modified`.
fn since(date: &str, modified: &'static str) -> u16 {
    let request = get("/").header("if-modified-since", date);
    asked(request, ([("last-modified", modified)], "content"))
        .status()
        .as_u16()
}

#[test]
fn tags_are_compared_weakly_and_as_a_list() {
    for wanted in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*", "\"x,y\",W/\"a\""] {
        assert_eq!(with_tags(wanted, "\"a\""), 304, "{wanted}");
        assert_eq!(with_tags(wanted, "W/\"a\""), 304, "{wanted}");
    }
    for wanted in ["\"b\"", "a", "\"A\"", "", "\"a"] {
        assert_eq!(with_tags(wanted, "\"a\""), 200, "{wanted}");
    }
    assert_eq!(with_tags("\"a\"", "a"), 200, "what has no quotes is no tag");
}

#[test]
fn several_lines_are_one_list() {
    let request = get("/")
        .header("if-none-match", "\"a\"")
        .header("if-none-match", "\"b\"");
    assert_eq!(asked(request, ([("etag", "\"b\"")], "")).status(), 304);
}

#[test]
fn asterisk_matches_any_content() {
    assert_eq!(
        asked(get("/").header("if-none-match", "*"), "a").status(),
        304
    );
    assert_eq!(
        asked(get("/").header("if-none-match", "\"a\""), "a").status(),
        200
    );
}

#[test]
fn if_modified_since_compares_dates() {
    assert_eq!(since(OLD, OLD), 304);
    assert_eq!(since(NEW, OLD), 304);
    assert_eq!(since(OLD, NEW), 200);
    // The forms of old (RFC 9110 §5.6.7).
    assert_eq!(since("Sunday, 06-Nov-94 08:49:37 GMT", OLD), 304);
    assert_eq!(since("Sun Nov  6 08:49:37 1994", OLD), 304);
    for none in ["", "yesterday", "784111777", "Sun, 06 Nov 1994"] {
        assert_eq!(since(none, OLD), 200, "{none}");
    }
    let twice = get("/")
        .header("if-modified-since", NEW)
        .header("if-modified-since", NEW);
    assert_eq!(asked(twice, ([("last-modified", OLD)], "")).status(), 200);
}

#[test]
fn if_none_match_overrides_dates() {
    let request = || {
        get("/")
            .header("if-modified-since", NEW)
            .header("if-none-match", "\"a\"")
    };
    let answer = |etag| ([("last-modified", OLD), ("etag", etag)], "");
    assert_eq!(asked(request(), answer("\"b\"")).status(), 200);
    assert_eq!(asked(request(), answer("\"a\"")).status(), 304);
    // Even where the content has no tag.
    assert_eq!(
        asked(request(), ([("last-modified", OLD)], "")).status(),
        200
    );
}

#[test]
fn only_a_200_to_get_head_and_query_is_conditional() {
    let ask = |method: &str, status: StatusCode| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = request(method, "/").header("if-none-match", "*");
        asked(request, (status, "")).status().as_u16()
    };
    for method in ["GET", "HEAD", "QUERY"] {
        assert_eq!(ask(method, StatusCode::OK), 304, "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert_eq!(ask(method, StatusCode::OK), 200, "{method}");
    }
    for status in [201, 206, 301, 404, 500] {
        assert_eq!(ask("GET", StatusCode::from_u16(status).unwrap()), status);
    }
}

#[test]
fn not_modified_keeps_only_the_headers_that_caches_need() {
    let headers = [
        ("content-type", "text/plain"),
        ("content-length", "7"),
        ("content-encoding", "gzip"),
        ("content-language", "en"),
        ("etag", "\"a\""),
        ("cache-control", "no-cache"),
        ("vary", "accept"),
        ("set-cookie", "a=b"),
    ];
    let res = asked(
        get("/").header("if-none-match", "\"a\""),
        (headers, "content"),
    );
    let names = res.headers().iter().map(|(name, _)| name.to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["cache-control", "etag", "set-cookie", "vary"]);
    assert_eq!(block_on(res.finish()).unwrap(), "");
}

#[test]
fn streaming_body_of_a_304_is_dropped() {
    let (mut sender, body) = Body::channel(1);
    let res = asked(get("/").header("if-none-match", "*"), body);
    assert!(block_on(sender.send("a")).is_err());
    drop(res);
}
