use std::cell::Cell;

use stackup_plugin::testing::block_on;
use stackup_plugin::{AsName, HeaderName, HeaderValue, Response, StatusCode};

fn pairs(res: &Response) -> Vec<(&str, &str)> {
    let fields = res.headers().iter();
    fields
        .map(|(name, value)| (name, value.to_str().unwrap()))
        .collect()
}

#[test]
fn names_and_values_keep_order() {
    let mut res = Response::new(StatusCode::OK);
    let mut headers = res.headers_mut();
    headers.append("b", "1").unwrap();
    headers.append("A", "2").unwrap();
    headers.append("b", "3").unwrap();
    assert_eq!(pairs(&res), [("b", "1"), ("b", "3"), ("a", "2")]);
    assert_eq!(res.headers().iter().len(), 3);
    let all: Vec<_> = res.headers().get_all("B").collect();
    assert_eq!(all, ["1", "3"]);
    assert_eq!(res.headers().get("b").unwrap(), "1");
}

/// A name that counts how often it is looked up.
struct Counted<'c>(&'c Cell<usize>);

impl AsName for Counted<'_> {
    fn as_name(&self) -> &str {
        self.0.set(self.0.get() + 1);
        "Cookie"
    }
}

#[test]
fn many_values_of_a_name_take_few_lookups() {
    let mut res = Response::new(StatusCode::OK);
    for number in 0..10_000 {
        let mut headers = res.headers_mut();
        headers.append("cookie", number.to_string()).unwrap();
        if number % 100 == 0 {
            headers.append("x-other", "x").unwrap();
        }
    }
    let lookups = Cell::new(0);
    let all = res.headers().get_all(Counted(&lookups));
    let all: Vec<_> = all
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..10_000).map(|number| number.to_string()).collect();
    assert!(all == expected, "all values, in order");
    // A lookup of the n-th value counts to n in the host.
    assert!(lookups.get() < 100, "{} lookups", lookups.get());
}

#[test]
fn connection_fields_go_with_those_that_are_named() {
    let mut res = Response::new(StatusCode::OK);
    let mut headers = res.headers_mut();
    for (name, value) in [
        ("connection", "keep-alive, X-Secret"),
        ("connection", "x-other"),
        ("keep-alive", "timeout=5"),
        ("x-secret", "1"),
        ("x-other", "2"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("proxy-connection", "close"),
        ("etag", "\"3\""),
        ("x-third", "4"),
    ] {
        headers.append(name, value).unwrap();
    }
    headers.remove_connection_fields();
    assert_eq!(pairs(&res), [("etag", "\"3\""), ("x-third", "4")]);
}

#[test]
fn insert_replaces_all_values_and_remove_counts_them() {
    let mut res = Response::new(StatusCode::OK);
    for value in ["1", "2", "3"] {
        res.headers_mut().append("a", value).unwrap();
    }
    res.headers_mut().insert("A", "4").unwrap();
    assert_eq!(pairs(&res), [("a", "4")]);
    res.headers_mut().append("a", "5").unwrap();
    assert_eq!(res.headers_mut().remove("a"), 2);
    assert_eq!(res.headers_mut().remove("a"), 0);
    assert!(!res.headers().contains("a"));
}

#[test]
fn names_and_values_accept_many_types() {
    let mut res = Response::new(StatusCode::OK);
    let mut headers = res.headers_mut();
    headers
        .insert(HeaderName::from_static("a"), HeaderValue::from_static("1"))
        .unwrap();
    headers
        .insert(String::from("b"), String::from("2"))
        .unwrap();
    headers.insert("c", &b"3"[..]).unwrap();
    headers
        .insert("d", stackup_plugin::Bytes::from("4"))
        .unwrap();
    let copy = res.headers().get("a").unwrap().to_value();
    res.headers_mut().insert("e", copy).unwrap();
    assert_eq!(
        pairs(&res),
        [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "1")]
    );
}

#[test]
fn invalid_header_error_names_it() {
    let mut res = Response::new(StatusCode::OK);
    let cases = [
        ("a b", "x", "`a b` is not a header name"),
        ("", "x", "`` is not a header name"),
        ("é", "x", "`é` is not a header name"),
        (
            "a",
            "x\r\nset-cookie: y",
            "the value of the header `a` contains invalid bytes",
        ),
        (
            "a",
            "\0",
            "the value of the header `a` contains invalid bytes",
        ),
    ];
    for (name, value, message) in cases {
        let error = res.headers_mut().insert(name, value).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(res.headers_mut().append(name, value).is_err());
    }
    assert_eq!(res.headers().iter().len(), 0);
    assert_eq!(res.headers().get("a b"), None);
    assert_eq!(res.headers_mut().remove("a b"), 0);
}

#[test]
fn non_ascii_value_is_kept() {
    let mut res = Response::new(StatusCode::OK);
    res.headers_mut().insert("a", &b"caf\xe9"[..]).unwrap();
    let value = res.headers().get("a").unwrap();
    assert_eq!((value.as_bytes(), value.to_str()), (&b"caf\xe9"[..], None));
    assert_eq!(res.header("a"), None);
    assert_eq!(format!("{value:?}"), r#""caf\xe9""#);
}

#[test]
fn too_many_headers_are_rejected() {
    block_on(async {
        let mut res = Response::new(StatusCode::OK);
        let mut headers = res.headers_mut();
        let error = (0..40_000).find_map(|i| headers.append(format!("x-{i}"), "").err());
        assert!(error.unwrap().to_string().starts_with("too many headers"));
    });
}
