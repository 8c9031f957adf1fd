use std::time::{Duration, Instant};

use stackup_plugin::Method;
use stackup_plugin::testing::{self, Json, TestRequest, block_on, get, json, request};

use super::*;

/// What the app below sees, or the redirect.
fn outcome(rules: Json, request: TestRequest) -> String {
    block_on(async {
        let rewrite = testing::middleware::<Rewrite>(json!({ "rules": rules })).unwrap();
        let below =
            async |req: Request| format!("{}|{}|{}", req.path_info(), req.query(), req.path());
        let res = rewrite.call(request, below).await.unwrap();
        match res.header("location") {
            Some(location) => format!("{} {location}", res.status().as_u16()),
            None => res.finish().await.unwrap(),
        }
    })
}

fn one(from: &str, to: &str, uri: &str) -> String {
    outcome(json!([{ "from": from, "to": to }]), get(uri))
}

#[test]
fn path_is_rewritten_and_the_query_kept_unless_set() {
    assert_eq!(
        one("^/old/(.*)$", "/new/$1", "/old/a%20b?c=d"),
        "/new/a%20b|c=d|/new/a%20b"
    );
    assert_eq!(
        one("^/(?<id>[0-9]+)$", "/item?id=${id}&x=$$", "/12?y"),
        "/item|id=12&x=$|/item"
    );
    assert_eq!(
        one("^/(?<id>.*)-(b)$", "/$id/$2b/${id}b", "/a-b"),
        "/a/bb/ab||/a/bb/ab"
    );
    assert_eq!(one("^/a$", "/b?", "/a?c"), "/b||/b");
    assert_eq!(one("^/a$", "/b", "/ab?c"), "/ab|c|/ab");
    assert_eq!(one("^/(a)?(b)?$", "/x$1$2y", "/b"), "/xby||/xby");
}

#[test]
fn rules_apply_in_order_until_a_last_one() {
    let rules = |last: bool| {
        json!([
            { "from": "^/a$", "to": "/b", "last": last },
            { "from": "^/b$", "to": "/c" },
            { "from": "^/c$", "to": "/d" },
        ])
    };
    assert_eq!(outcome(rules(true), get("/a")), "/b||/b");
    assert_eq!(outcome(rules(false), get("/a")), "/c||/c");
}

#[test]
fn rule_applies_to_its_methods_and_hosts() {
    let rules =
        || json!([{ "from": "/a", "to": "/b", "methods": ["post"], "hosts": ["Example.com"] }]);
    let of =
        |method: Method, host: &str| outcome(rules(), request(method, "/a").header("host", host));
    assert_eq!(of(Method::POST, "example.COM:8080"), "/b||/b");
    assert_eq!(of(Method::GET, "example.com"), "/a||/a");
    assert_eq!(of(Method::POST, "other.com"), "/a||/a");
}

#[test]
fn client_cannot_choose_the_server_of_a_redirect() {
    let to = |to: &str, uri: &str| {
        outcome(
            json!([{ "from": "^/r/(.*)$", "to": to, "redirect": 301 }]),
            get(uri),
        )
    };
    assert_eq!(
        to("https://example.com/$1", "/r/a?b"),
        "301 https://example.com/a?b"
    );
    assert_eq!(to("/$1", "/r/a"), "301 /a");
    assert_eq!(to("/$1", "/r//evil.com"), "301 /evil.com");
    assert_eq!(to("/$1", "/r/\\evil.com"), "301 /%5Cevil.com");
    assert_eq!(to("/$1", "/r//\\/evil.com"), "301 /%5C/evil.com");
    assert_eq!(to("/x?to=$1", "/r/a"), "301 /x?to=a");
}

#[test]
fn group_in_the_query_is_encoded() {
    assert_eq!(
        one("^/u/(.*)$", "/user?name=$1", "/u/a&admin=1+2;b"),
        "/user|name=a%26admin%3D1%2B2%3Bb|/user"
    );
}

#[test]
fn matching_takes_linear_time() {
    let path = format!("/{}!", "a".repeat(60_000));
    let start = Instant::now();
    assert_eq!(one("^/(a+)+$", "/x", &path).len(), 2 * path.len() + 2);
    // With backtracking it would never end.
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn rule_sees_each_spelling_of_a_path() {
    for path in [
        "/private/x",
        "/%70rivate/x",
        "//private//x",
        "/a/../private/./x",
    ] {
        assert_eq!(one("^/private/(.*)$", "/gone/$1", path), "/gone/x||/gone/x");
    }
    assert_eq!(one("^/caf%C3%A9$", "/b", "/caf%c3%a9"), "/b||/b");
    assert_eq!(one("^/(.*)$", "/a/%2e%2e/$1", "/x"), "/x||/x");
}

#[test]
fn path_that_leaves_the_root_is_a_bad_request() {
    let rules = json!({ "rules": [{ "from": "^(.*)$", "to": "/..$1" }] });
    let middleware = testing::middleware::<Rewrite>(rules).unwrap();
    let call = middleware.call(get("/x"), async |_req: Request| "below");
    let error = block_on(call).err().unwrap();
    assert_eq!(error.status(), 400, "{error}");
}

#[test]
fn error_points_at_the_key() {
    let rule = |from: &str, to: &str, redirect: Option<u16>| json!({ "from": from, "to": to, "redirect": redirect });
    for (bad, place) in [
        (rule("(", "/", None), "from"),
        (rule("a", "b", None), "to"),
        (rule("(a)", "/$2", None), "to"),
        (rule("(a)", "/${name}", None), "to"),
        (rule("(a)", "/$name", None), "to"),
        (rule("(a)", "/${1", None), "to"),
        (rule("(a)", "/$", None), "to"),
        (rule("(.*)", "$1", Some(302)), "to"),
        (rule("(.*)", "https://example.com/", None), "to"),
        (rule("(.*)", "https://example.com$1", Some(302)), "to"),
        (rule("(.*)", "https://$1/", Some(302)), "to"),
        (rule("(.*)", "javascript:$1", Some(302)), "to"),
        (rule("a", "/b c", None), "to"),
        (rule("a", "/b#c", None), "to"),
        (rule("a", "/b\r\nx: y", Some(302)), "to"),
        (rule("a", "/", Some(200)), "redirect"),
        (rule("^/%c3%a9", "/", None), "from"),
        (rule("^/%7Euser", "/", None), "from"),
        (rule("^/é", "/", None), "from"),
        (
            json!({ "from": "a", "to": "/", "methods": ["a b"] }),
            "methods[0]",
        ),
    ] {
        let rules = json!({ "rules": [rule("a", "/", None), bad] });
        let error = testing::middleware::<Rewrite>(rules).err().unwrap();
        assert_eq!(error.place(), format!("rules[1].{place}"), "{error}");
    }
    let error = testing::middleware::<Rewrite>(json!({})).err().unwrap();
    assert_eq!(error.message(), "missing field `rules`");
}
