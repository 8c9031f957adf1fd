use stackup_plugin::testing::{self, Json, Mounted, TestRequest, block_on, get, json, post};
use stackup_plugin::{Body, Error, StatusCode};

use super::*;

const PAIRS: &str = "application/x-www-form-urlencoded; charset=utf-8";
const PARTS: &str = "multipart/form-data; boundary=\"a b\"";

fn mounted(config: Json) -> Mounted {
    testing::middleware::<MethodOverride>(config).unwrap()
}

/// Method, original method and body, as the layers below see them.
fn below_as(config: Json, request: TestRequest) -> (String, String, String) {
    block_on(async {
        let below = async |mut req: Request| {
            let original = req.env().get(ORIGINAL).unwrap_or_default().into_owned();
            let method = req.method().to_string();
            let body = req.take_body().collect(1 << 20).await?.bytes;
            let body = String::from_utf8(body.to_vec())?;
            Ok::<_, Error>(json!([method, original, body]))
        };
        let res = mounted(config).call(request, below).await.unwrap();
        let text = res.finish().await.unwrap();
        stackup_plugin::serde_json::from_str(&text).unwrap()
    })
}

fn method_of(request: TestRequest) -> String {
    below_as(json!({}), request).0
}

fn pairs(body: impl Into<Body>) -> TestRequest {
    post("/", body).header("content-type", PAIRS)
}

fn parts(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--a b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + "--a b--\r\n"
}

#[test]
fn form_field_sets_the_method_and_keeps_the_body() {
    let body = "a=1&_method=put&b=%2B";
    let seen = below_as(json!({}), pairs(body));
    assert_eq!(seen, ("PUT".into(), "POST".into(), body.into()));
    assert_eq!(method_of(pairs("_method=DELETE")), "DELETE");
    assert_eq!(method_of(pairs("%5Fmethod=pat%63h")), "PATCH");
}

#[test]
fn multipart_field_sets_the_method() {
    let body = parts(&[("a", "1"), (FIELD, "Delete"), ("b", "2")]);
    let seen = below_as(
        json!({}),
        post("/", body.clone()).header("content-type", PARTS),
    );
    assert_eq!(seen, ("DELETE".into(), "POST".into(), body));
    let none = parts(&[("a", "_method=PUT")]);
    assert_eq!(
        method_of(post("/", none).header("content-type", PARTS)),
        "POST"
    );
}

#[test]
fn header_counts_without_a_field() {
    let with = |request: TestRequest| request.header(HEADER, "patch");
    assert_eq!(method_of(with(post("/", "{}"))), "PATCH");
    assert_eq!(method_of(with(pairs("a=1"))), "PATCH");
    // As in Rack the field comes first, even if its method is not allowed.
    assert_eq!(method_of(with(pairs("_method=PUT"))), "PUT");
    assert_eq!(method_of(with(pairs("_method=FOO"))), "POST");
}

#[test]
fn query_cookie_and_other_types_are_ignored() {
    assert_eq!(
        method_of(pairs("a=1").header("cookie", "_method=PUT")),
        "POST"
    );
    assert_eq!(
        method_of(post("/?_method=PUT", "a=1").header("content-type", PAIRS)),
        "POST"
    );
    assert_eq!(
        method_of(post("/", "_method=PUT").header("content-type", "text/plain")),
        "POST"
    );
    assert_eq!(method_of(post("/", "_method=PUT")), "POST");
}

#[test]
fn only_configured_methods_are_overridden() {
    assert_eq!(method_of(get("/").header(HEADER, "DELETE")), "GET");
    for bad in ["CONNECT", "TRACE", "FOO", "", "PUT\u{0}", "PU T"] {
        let form: String = form_urlencoded::byte_serialize(bad.as_bytes()).collect();
        assert_eq!(
            method_of(pairs(format!("_method={form}"))),
            "POST",
            "{bad:?}"
        );
    }
    let config = json!({ "methods": ["GET"], "overrides": ["PURGE"] });
    let seen = below_as(config, get("/").header(HEADER, "purge"));
    assert_eq!((&*seen.0, &*seen.1), ("PURGE", "GET"));
    let config = json!({ "overrides": ["PUT"] });
    assert_eq!(below_as(config, pairs("_method=DELETE")).0, "POST");
}

#[test]
fn field_after_the_limit_is_ignored_and_the_body_kept() {
    for body in ["xxxxxx&_method=PUT", "_method=PUTTY&x"] {
        let seen = below_as(json!({ "max_bytes": 11 }), pairs(body));
        assert_eq!((&*seen.0, &*seen.2), ("POST", body));
    }
    assert_eq!(
        below_as(json!({ "max_bytes": 11 }), pairs("_method=PUT")).0,
        "PUT"
    );
    let late = parts(&[("a", &"x".repeat(100)), (FIELD, "PUT")]);
    let request = post("/", late.clone()).header("content-type", PARTS);
    assert_eq!(
        below_as(json!({ "max_bytes": 100 }), request),
        ("POST".into(), String::new(), late)
    );
}

#[test]
fn malformed_forms_pass_unchanged() {
    for body in [
        "",
        "--a b",
        "no parts",
        "--a b\r\n\r\n",
        "--a b\r\nx: y\r\n\r\nz",
    ] {
        let request = post("/", body).header("content-type", PARTS);
        assert_eq!(
            below_as(json!({}), request),
            ("POST".into(), String::new(), body.into())
        );
    }
}

#[test]
fn body_is_read_only_up_to_the_field() {
    block_on(async {
        let (mut sender, body) = Body::channel(1);
        sender.send("_met").await.unwrap();
        let sends = async {
            sender.send("hod=P").await.unwrap();
            sender.send("UT&a=").await.unwrap();
            sender
        };
        // Only what is called below could read on, and it has not been called before.
        let below = async |req: Request| req.method().to_string();
        let middleware = mounted(json!({}));
        let call = middleware.call(pairs(body), below);
        let sends = std::thread::spawn(move || block_on(sends));
        let res = call.await.unwrap();
        assert_eq!(res.finish().await.unwrap(), "PUT");
        drop(sends.join().unwrap());
    });
}

#[test]
fn field_is_found_across_chunks() {
    let body = "a=1&_method=PUT&b=2";
    for at in 0..=body.len() {
        let (mut sender, chunks) = Body::channel(3);
        for chunk in [&body[..at], &body[at..]] {
            block_on(sender.send(chunk)).unwrap();
        }
        drop(sender);
        let seen = below_as(json!({}), pairs(chunks));
        assert_eq!(seen, ("PUT".into(), "POST".into(), body.into()), "{at}");
    }
}

#[test]
fn failing_body_is_an_error() {
    block_on(async {
        let (mut sender, body) = Body::channel(2);
        sender.send("_method=P").await.unwrap();
        sender.fail(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too much"));
        let called = mounted(json!({})).call(pairs(body), async |_req| "").await;
        assert_eq!(called.unwrap_err().status(), 413);
    });
}

#[test]
fn error_points_at_the_key() {
    for (config, place) in [
        (json!({ "methods": ["POST", "A B"] }), "methods[1]"),
        (json!({ "overrides": ["put"] }), "overrides[0]"),
        (json!({ "overrides": ["PUT", "CONNECT"] }), "overrides[1]"),
    ] {
        let error = testing::middleware::<MethodOverride>(config).err().unwrap();
        assert_eq!(error.place(), place);
    }
}
