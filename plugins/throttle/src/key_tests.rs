use stackup_plugin::testing::{self, TestRequest, block_on, get, json};

use super::*;
use crate::Throttle;

/// Whether a rule with these parts counts the two requests together.
#[track_caller]
fn together(parts: &[&str], requests: [TestRequest; 2]) -> bool {
    let rule = json!({ "name": "one", "action": "throttle", "rate": "1/h", "key": parts });
    let throttle = testing::middleware::<Throttle>(json!({ "rules": [rule] })).unwrap();
    let statuses = requests.map(|request| {
        let called = throttle.call(request, async |_req: Request| "app");
        block_on(called).unwrap().status().as_u16()
    });
    testing::store().advance(std::time::Duration::from_secs(3600));
    assert_eq!(statuses[0], 200);
    statuses[1] == 429
}

fn from(address: &str) -> TestRequest {
    get("/a").remote(address.parse().unwrap())
}

#[test]
fn client_is_an_address_or_an_ipv6_network() {
    for (one, other, expected) in [
        ("192.0.2.1:1", "192.0.2.1:2", true),
        ("192.0.2.1:1", "192.0.2.2:1", false),
        ("192.0.2.1:1", "[::ffff:192.0.2.1]:1", true),
        ("[2001:db8:1:2:3::1]:1", "[2001:db8:1:2:4::2]:1", true),
        ("[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1", false),
    ] {
        let requests = [from(one), from(other)];
        assert_eq!(together(&["client"], requests), expected, "{one} {other}");
    }
    let address = "2001:db8::1".parse().unwrap();
    assert_eq!(network(address, 128), address);
    assert_eq!(network(address, 1), "::".parse::<IpAddr>().unwrap());
}

#[test]
fn each_part_tells_requests_apart() {
    let with = |name: &str, value: &str| get("/a").header(name, value);
    for (part, one, other) in [
        ("path", get("/a"), get("/b")),
        ("method", get("/a"), testing::post("/a", "")),
        ("header:X-Key", with("x-key", "1"), with("x-key", "2")),
        (
            "cookie:sid",
            with("cookie", "sid=1"),
            with("cookie", "sid=2"),
        ),
        (
            "env:user",
            get("/").env("user", "ann"),
            get("/").env("user", "bob"),
        ),
    ] {
        assert!(!together(&[part], [one, other]), "{part}");
    }
    assert!(together(&["path"], [get("/a?1"), get("/a?2")]));
    assert!(together(&[], [get("/a"), get("/b")]));
    // A separator in a path does not make one text of two.
    assert!(!together(&["path", "method"], [get("/a%7CGET"), get("/a")]));
}

#[test]
fn secrets_and_long_texts_are_hashed() {
    let mut key = String::new();
    hashed(b"s3cret", &mut key);
    readable(&"/a".repeat(5_000), &mut key);
    assert!(!key.contains("s3cret") && key.len() == 66, "{key}");
}

#[test]
fn request_without_a_part_is_not_counted() {
    let requests = [get("/"), get("/")];
    assert!(!together(&["client", "header:x-api-key"], requests));
}

#[test]
fn unknown_part_is_refused() {
    for part in [
        "",
        "ip",
        "header",
        "header:",
        "header:a b",
        "cookie:",
        "query:x",
    ] {
        assert!(Part::parse(part, "key").is_err(), "{part}");
    }
}
