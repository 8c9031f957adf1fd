use stackup_plugin::serde_json;
use stackup_plugin::testing::{self, Json, TestRequest, block_on, get, json, request};

use super::*;
use crate::Throttle;

/// Whether a blocklist with this condition blocks the request.
#[track_caller]
fn matches(when: Json, request: TestRequest) -> bool {
    let rule = json!({ "name": "blocked", "action": "blocklist", "when": when });
    let throttle = testing::middleware::<Throttle>(json!({ "rules": [rule] })).unwrap();
    let called = throttle.call(request, async |_req: Request| "app");
    block_on(called).unwrap().status() == 403
}

#[test]
fn each_key_is_a_condition() {
    let post = || request(Method::POST, "/login/now?x=1").header("x-plan", "free");
    for (config, expected) in [
        (json!({ "path": ["/login"] }), true),
        (json!({ "path": ["/log"] }), false),
        (json!({ "path": ["/a", "/"] }), true),
        (json!({ "path": { "regex": "^/login/n" } }), true),
        (json!({ "path": { "regex": "x=1" } }), false),
        (json!({ "method": ["GET", "POST"] }), true),
        (json!({ "method": ["GET"] }), false),
        (json!({ "header": { "X-Plan": "free" } }), true),
        (json!({ "header": { "x-plan": "fre" } }), false),
        (json!({ "header": { "x-plan": { "regex": "^f" } } }), true),
        (json!({ "header": { "x-plan": true } }), true),
        (json!({ "header": { "x-plan": false } }), false),
        (json!({ "header": { "x-other": false } }), true),
        (json!({ "path": ["/login"], "method": ["GET"] }), false),
    ] {
        assert_eq!(matches(config.clone(), post()), expected, "{config}");
    }
}

#[test]
fn conditions_combine() {
    let yes = json!({ "method": ["GET"] });
    let no = json!({ "method": ["PUT"] });
    for (config, expected) in [
        (json!({ "all": [yes, yes] }), true),
        (json!({ "all": [yes, no] }), false),
        (json!({ "any": [no, yes] }), true),
        (json!({ "any": [no, no] }), false),
        (json!({ "not": no }), true),
        (json!({ "not": { "any": [no, { "not": no }] } }), false),
        (json!({ "any": [yes], "not": yes }), false),
    ] {
        assert_eq!(matches(config.clone(), get("/")), expected, "{config}");
    }
}

#[test]
fn client_is_the_address_that_the_host_knows() {
    let from = |address: &str| {
        let client = format!("{address}:1").parse().unwrap();
        get("/")
            .header("x-forwarded-for", "10.0.0.1")
            .remote(client)
    };
    let internal = json!({ "client": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"] });
    for (address, expected) in [
        ("10.1.2.3", true),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
        ("[2001:db8:1::1]", true),
        ("[::ffff:10.1.2.3]", true),
    ] {
        assert_eq!(
            matches(internal.clone(), from(address)),
            expected,
            "{address}"
        );
    }
}

#[test]
fn every_cookie_and_header_line_counts() {
    let with = || {
        get("/")
            .header("cookie", "a=1; b= 2")
            .header("cookie", "a=3")
            .header("x", "1")
            .header("x", "2")
            .env("user", "ann")
    };
    for (config, expected) in [
        (json!({ "cookie": { "a": "3" } }), true),
        (json!({ "cookie": { "b": "2" } }), true),
        (json!({ "cookie": { "c": true } }), false),
        (json!({ "cookie": { "A": true } }), false),
        (json!({ "header": { "x": "2" } }), true),
        (json!({ "env": { "REQUEST_METHOD": "GET" } }), true),
        (json!({ "env": { "user": "ann" } }), true),
        (json!({ "env": { "user": false } }), false),
    ] {
        assert_eq!(matches(config.clone(), with()), expected, "{config}");
    }
}

#[test]
fn error_points_at_the_key() {
    for (config, key) in [
        (json!({}), "when"),
        (json!({ "client": [] }), "when.client"),
        (
            json!({ "client": ["10.0.0.0/8", "office"] }),
            "when.client[1]",
        ),
        (json!({ "path": [] }), "when.path"),
        (json!({ "path": { "regex": "(" } }), "when.path.regex"),
        (json!({ "method": ["get"] }), "when.method[0]"),
        (json!({ "header": { "a b": true } }), "when.header.a b"),
        (
            json!({ "cookie": { "a": { "regex": "[" } } }),
            "when.cookie.a.regex",
        ),
        (json!({ "any": [] }), "when.any"),
        (json!({ "all": [{ "not": {} }] }), "when.all[0].not"),
    ] {
        let parsed = serde_json::from_value(config.clone()).unwrap();
        let error = Condition::new(parsed, "when").unwrap_err();
        assert_eq!(error.place(), key, "{config}");
    }
}
