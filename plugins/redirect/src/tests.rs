use stackup_plugin::testing::{self, Json, block_on, get, json};

use super::*;

fn answer(config: Json, uri: &str) -> (u16, String) {
    block_on(async {
        let redirect = testing::app::<Redirect>(config).unwrap();
        let res = redirect.answer(get(uri)).await.unwrap();
        (
            res.status().as_u16(),
            res.header("location").unwrap().to_owned(),
        )
    })
}

fn with_all(to: &str, uri: &str) -> String {
    answer(json!({ "to": to, "path": true, "query": true }), uri).1
}

#[test]
fn client_is_redirected_to_the_target() {
    let location = "https://example.com/a?b#c";
    assert_eq!(
        answer(json!({ "to": location }), "/x?y"),
        (308, location.to_owned())
    );
    assert_eq!(
        answer(json!({ "to": "/new", "status": 303 }), "/x?y"),
        (303, "/new".to_owned())
    );
}

#[test]
fn path_and_query_are_appended() {
    for (to, uri, location) in [
        (
            "https://example.com",
            "/a/b?c=d",
            "https://example.com/a/b?c=d",
        ),
        (
            "https://example.com/base/",
            "/a",
            "https://example.com/base/a",
        ),
        ("https://example.com/base", "/", "https://example.com/base"),
        ("/new?x=1#top", "/a?c=d", "/new/a?x=1&c=d#top"),
        ("/", "/a%20b", "/a%20b"),
    ] {
        assert_eq!(with_all(to, uri), location, "{to} {uri}");
    }
}

/// Whatever the request, the server is the manifest's.
#[test]
fn path_leads_to_no_other_server() {
    for (to, uri, location) in [
        ("/", "//evil.com", "/evil.com"),
        ("/", "///evil.com/a", "/evil.com/a"),
        ("/", "/\\evil.com", "/%5Cevil.com"),
        ("/", "/\\/evil.com", "/%5C/evil.com"),
        ("/", "/a\\..\\evil.com", "/a%5C..%5Cevil.com"),
        ("/", "/https://evil.com", "/https:/evil.com"),
        (
            "https://example.com",
            "/.evil.com",
            "https://example.com/.evil.com",
        ),
        (
            "https://example.com",
            "/@evil.com",
            "https://example.com/@evil.com",
        ),
        (
            "https://example.com",
            "//evil.com",
            "https://example.com/evil.com",
        ),
    ] {
        assert_eq!(with_all(to, uri), location, "{uri}");
    }
}

#[test]
fn error_points_at_the_key() {
    let place = |config: Json| {
        let error = testing::app::<Redirect>(config).err().unwrap();
        error.place().to_owned()
    };
    for to in [
        "",
        "a",
        "//host/a",
        "/\\host",
        "javascript:alert(1)",
        "ftp://host/",
        "https:///a",
        "/a\r\nx: y",
        "/#\r\nx: y",
        "/a b",
    ] {
        assert_eq!(place(json!({ "to": to })), "to", "{to}");
    }
    for status in [200, 300, 304, 400] {
        assert_eq!(place(json!({ "to": "/", "status": status })), "status");
    }
    let error = testing::app::<Redirect>(json!({})).err().unwrap();
    assert_eq!(error.message(), "missing field `to`");
}
