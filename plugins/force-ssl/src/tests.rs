use stackup_plugin::Response;
use stackup_plugin::testing::{self, Answered, Json, TestRequest, block_on, get, json, request};

use super::*;

async fn answer(config: Json, request: TestRequest) -> Answered {
    let middleware = testing::middleware::<ForceSsl>(config).unwrap();
    let below = async |_req: Request| {
        let mut res = Response::new(StatusCode::OK);
        for cookie in ["a=secure", "b=1; Path=/; Secure", "c=1;httponly"] {
            res.headers_mut().append("set-cookie", cookie).unwrap();
        }
        res
    };
    middleware.call(request, below).await.unwrap()
}

fn location(config: Json, request: TestRequest) -> (u16, Option<String>) {
    block_on(async {
        let res = answer(config, request).await;
        (
            res.status().as_u16(),
            res.header("location").map(str::to_owned),
        )
    })
}

fn to(uri: &str) -> TestRequest {
    get(uri).header("host", "example.com:9292")
}

/// A request over https.
fn secure() -> TestRequest {
    to("https://example.com/")
}

#[test]
fn http_request_is_redirected_to_https() {
    let expected = |status, url: &str| (status, Some(url.to_owned()));
    assert_eq!(
        location(json!({}), to("/a?b=c")),
        expected(301, "https://example.com/a?b=c")
    );
    let post = request(Method::POST, "/a").header("host", "[::1]:80");
    assert_eq!(location(json!({}), post), expected(308, "https://[::1]/a"));
    let config = json!({ "host": "www.example.com", "port": 8443 });
    assert_eq!(
        location(config, to("//evil.com")),
        expected(301, "https://www.example.com:8443/evil.com")
    );
    let absolute = get("http://example.org/a").header("host", "example.org");
    assert_eq!(location(json!({}), absolute).0, 301);
}

#[test]
fn invalid_host_is_a_bad_request() {
    for host in [
        "",
        "a b",
        "example.com@evil.com",
        "user:pass@evil.com",
        "evil.com/",
        "a\\b",
        "evil.com?x",
        "evil.com#",
    ] {
        assert_eq!(
            location(json!({}), get("/").header("host", host)),
            (400, None),
            "{host}"
        );
    }
    assert_eq!(location(json!({}), get("/")), (400, None));
    let two = get("/").header("host", "a").header("host", "b");
    assert_eq!(location(json!({}), two), (400, None));
}

#[test]
fn https_response_gets_hsts_and_secure_cookies() {
    block_on(async {
        let res = answer(json!({}), secure()).await;
        assert_eq!(res.status(), 200);
        assert_eq!(
            res.header("strict-transport-security"),
            Some("max-age=31536000")
        );
        let cookies: Vec<_> = res
            .headers()
            .get_all("set-cookie")
            .filter_map(|c| c.to_str())
            .collect();
        assert_eq!(
            cookies,
            [
                "a=secure; secure",
                "b=1; Path=/; Secure",
                "c=1;httponly; secure"
            ]
        );
        let mut config = json!({});
        config["secure_cookies"] = json!(false);
        config["hsts"] = json!({ "max_age": 5, "include_subdomains": true, "preload": true });
        let res = answer(config, secure()).await;
        let hsts = res.header("strict-transport-security");
        assert_eq!(hsts, Some("max-age=5; includeSubDomains; preload"));
        assert_eq!(res.header("set-cookie"), Some("a=secure"));
        let mut config = json!({});
        config["hsts"] = json!({ "enabled": false });
        let res = answer(config, secure()).await;
        assert_eq!(res.header("strict-transport-security"), None);
    });
}

#[test]
fn forwarded_header_alone_is_not_https() {
    let claimed = to("/").header("x-forwarded-proto", "https");
    assert_eq!(location(json!({}), claimed).0, 301);
    assert_eq!(location(json!({ "trusted_proxies": [] }), secure()).0, 200);
}

#[test]
fn excluded_paths_are_served_without_hsts() {
    block_on(async {
        let config = || json!({ "exclude": ["/health"] });
        for (path, status) in [
            ("/health", 200),
            ("/health/a", 200),
            ("/healthy", 301),
            ("/x/../he%61lth", 200),
            ("/health/../x", 301),
            ("/health/%2e%2E/x", 301),
            ("/health%2Fx", 301),
        ] {
            let res = answer(config(), to(path)).await;
            assert_eq!(res.status(), status, "{path}");
            // Not over http (RFC 6797 §7.2).
            assert_eq!(res.header("strict-transport-security"), None);
        }
    });
}

#[test]
fn error_points_at_the_key() {
    for (config, place) in [
        (json!({ "host": "a/b" }), "host"),
        (json!({ "host": "a:80" }), "host"),
        (json!({ "host": "a@b" }), "host"),
        (
            json!({ "trusted_proxies": ["::1", "x"] }),
            "trusted_proxies",
        ),
        (json!({ "hsts": { "preload": true } }), "hsts.preload"),
        (json!({ "hsts": { "maxage": 1 } }), "hsts.maxage"),
    ] {
        let error = testing::middleware::<ForceSsl>(config).err().unwrap();
        assert_eq!(error.place(), place, "{error}");
    }
}
