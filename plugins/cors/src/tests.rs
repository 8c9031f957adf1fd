use stackup_plugin::testing::{self, Answered, Json, Mounted, TestRequest, block_on, get, json};
use stackup_plugin::{IntoResponse, Method};

use super::*;

fn mounted(config: Json) -> Mounted {
    testing::middleware::<Cors>(config).unwrap()
}

async fn answer(middleware: &Mounted, request: TestRequest) -> Answered {
    let app = async |req: Request| format!("app: {}", req.method()).into_response();
    middleware.call(request, app).await.unwrap()
}

fn preflight(origin: &str) -> TestRequest {
    testing::request(Method::OPTIONS, "/")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "x-own,content-type")
}

fn vary_of(res: &Answered) -> Vec<String> {
    let fields = res.headers().get_all("vary");
    fields
        .map(|field| field.to_str().unwrap().to_owned())
        .collect()
}

const SITE: &str = "https://www.example.com";

#[test]
fn allowed_origin_gets_headers() {
    block_on(async {
        let config = json!({
            "origins": [SITE], "methods": ["GET", "PUT"], "headers": ["x-own"],
            "expose": ["x-count", "etag"], "credentials": true, "max_age": 7,
        });
        let middleware = mounted(config);
        let res = answer(&middleware, preflight(SITE)).await;
        assert_eq!(res.status(), 204);
        for (name, value) in [
            ("access-control-allow-origin", SITE),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET, PUT"),
            ("access-control-allow-headers", "x-own"),
            ("access-control-max-age", "7"),
        ] {
            assert_eq!(res.header(name), Some(value), "{name}");
        }
        assert_eq!(vary_of(&res), ["origin", "access-control-request-headers"]);
        let res = answer(&middleware, get("/").header("origin", SITE)).await;
        assert_eq!(res.header("access-control-allow-origin"), Some(SITE));
        assert_eq!(res.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(
            res.header("access-control-expose-headers"),
            Some("x-count, etag")
        );
        assert!(!res.headers().contains("access-control-allow-methods"));
        assert_eq!(res.finish().await.unwrap(), "app: GET");
    });
}

#[test]
fn other_origin_gets_no_headers() {
    block_on(async {
        let middleware = mounted(json!({ "origins": [SITE], "headers": ["*"] }));
        for origin in [
            "https://www.example.com.evil.org",
            "http://www.example.com",
            "null",
            "",
        ] {
            for request in [preflight(origin), get("/").header("origin", origin)] {
                let res = answer(&middleware, request).await;
                let names = res.headers().iter().map(|(name, _)| name.to_owned());
                let cors = names.filter(|name| name.starts_with("access-control"));
                assert_eq!(cors.collect::<Vec<_>>(), [""; 0], "{origin}");
                assert_eq!(vary_of(&res)[0], "origin");
            }
        }
        // Not a preflight.
        let options = testing::request(Method::OPTIONS, "/").header("origin", SITE);
        let res = answer(&middleware, options).await;
        assert_eq!(res.finish().await.unwrap(), "app: OPTIONS");
        assert_eq!(vary_of(&answer(&middleware, get("/")).await), ["origin"]);
    });
}

#[test]
fn star_matches_host_labels_only() {
    let origins = Origins::parse(&["https://*.example.com:8443".to_owned()]).unwrap();
    let may = |origin| origins.allow_origin(origin).is_some();
    assert!(may("https://a.example.com:8443") && may("https://a.b-1.example.com:8443"));
    for origin in [
        "https://example.com:8443",
        "https://.example.com:8443",
        "https://a..example.com:8443",
        "https://evil.org/.example.com:8443",
        "https://evil.org:1.example.com:8443",
        "https://a@b.example.com:8443",
        "https://aexample.com:8443",
        "https://a.example.com",
        "http://a.example.com:8443",
    ] {
        assert!(!may(origin), "{origin}");
    }
}

#[test]
fn star_allows_every_origin() {
    block_on(async {
        let middleware = mounted(json!({ "origins": ["*"], "headers": ["*"] }));
        let res = answer(&middleware, preflight("null")).await;
        assert_eq!(res.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            res.header("access-control-allow-headers"),
            Some("x-own,content-type")
        );
        assert_eq!(vary_of(&res), ["access-control-request-headers"]);
        let res = answer(&middleware, get("/").header("origin", SITE)).await;
        assert_eq!(res.header("access-control-allow-origin"), Some("*"));
        assert!(vary_of(&res).is_empty());
    });
}

#[test]
fn headers_of_the_app_are_merged() {
    block_on(async {
        let middleware = mounted(json!({ "origins": [SITE] }));
        for (vary, expected) in [
            ("Accept, Origin", vec!["Accept, Origin"]),
            ("*", vec!["*"]),
            ("x-original", vec!["x-original", "origin"]),
        ] {
            let app = async move |_req: Request| {
                ([("vary", vary), ("access-control-allow-origin", "*")], "").into_response()
            };
            let request = get("/").header("origin", SITE);
            let res = middleware.call(request, app).await.unwrap();
            assert_eq!(vary_of(&res), expected);
            let origins = res.headers().get_all("access-control-allow-origin").count();
            assert_eq!(
                (origins, res.header("access-control-allow-origin")),
                (1, Some(SITE))
            );
        }
    });
}

#[test]
fn error_points_at_the_key() {
    for (config, place) in [
        (json!({}), "origins"),
        (json!({ "origins": ["*", SITE] }), "origins"),
        (json!({ "origins": [SITE, "null"] }), "origins[1]"),
        (json!({ "origins": ["https://example.com/"] }), "origins[0]"),
        (json!({ "origins": ["https://Example.com"] }), "origins[0]"),
        (
            json!({ "origins": ["https://example.com:443"] }),
            "origins[0]",
        ),
        (json!({ "origins": ["example.com"] }), "origins[0]"),
        (json!({ "origins": ["https://a.*.com"] }), "origins[0]"),
        (json!({ "origins": ["https://*.*.com"] }), "origins[0]"),
        (
            json!({ "origins": ["*"], "credentials": true }),
            "credentials",
        ),
        (
            json!({ "origins": ["*"], "methods": ["get"] }),
            "methods[0]",
        ),
        (
            json!({ "origins": ["*"], "headers": ["x-a", "*"] }),
            "headers[1]",
        ),
        (json!({ "origins": ["*"], "expose": ["a b"] }), "expose[0]"),
    ] {
        let error = testing::middleware::<Cors>(config.clone()).err().unwrap();
        assert_eq!(error.place(), place, "{config}");
    }
}
