use std::collections::BTreeSet;

use stackup_plugin::testing::{self, Answered, Json, Mounted, TestRequest, block_on, get, json};
use stackup_plugin::{Error, IntoResponse};

use super::*;

fn mounted(config: Json) -> Mounted {
    testing::middleware::<SecurityHeaders>(config).unwrap()
}

async fn answer(middleware: &Mounted, request: TestRequest) -> Answered {
    let app = async |req: Request| {
        let nonce = req.env().get("csp.nonce").map(|nonce| nonce.into_owned());
        nonce.unwrap_or_default()
    };
    middleware.call(request, app).await.unwrap()
}

#[test]
fn response_has_the_headers() {
    block_on(async {
        let res = answer(&mounted(json!({})), get("/")).await;
        for (name, value) in [
            (
                "content-security-policy",
                Some("base-uri 'self'; frame-ancestors 'self'; object-src 'none'"),
            ),
            ("x-content-type-options", Some("nosniff")),
            ("x-frame-options", Some("SAMEORIGIN")),
            ("referrer-policy", Some("strict-origin-when-cross-origin")),
            ("cross-origin-opener-policy", Some("same-origin")),
            ("cross-origin-resource-policy", Some("same-origin")),
            ("cross-origin-embedder-policy", None),
            ("permissions-policy", None),
            ("strict-transport-security", None),
        ] {
            assert_eq!(res.header(name), value, "{name}");
        }
    });
}

#[test]
fn app_and_config_override_the_defaults() {
    block_on(async {
        let off = json!({
            "csp": {}, "frame_options": "off", "permissions_policy": "camera=()",
        });
        let middleware = mounted(off);
        let app = async |_req: Request| ([("referrer-policy", "no-referrer")], "").into_response();
        let res = middleware.call(get("/"), app).await.unwrap();
        assert!(!res.headers().contains("content-security-policy"));
        assert!(!res.headers().contains("x-frame-options"));
        assert_eq!(res.header("permissions-policy"), Some("camera=()"));
        assert_eq!(res.header("referrer-policy"), Some("no-referrer"));
    });
}

#[test]
fn each_response_has_a_new_nonce() {
    block_on(async {
        let config = json!({
            "csp": { "default-src": ["'self'"], "script-src": ["'self'"], "style-src": [], "upgrade-insecure-requests": [] },
            "csp_nonce": ["style-src", "script-src"],
        });
        let middleware = mounted(config);
        let mut seen = BTreeSet::new();
        for _ in 0..3 {
            let res = answer(&middleware, get("/").env("csp.nonce", "forged")).await;
            let policy = res.header("content-security-policy").unwrap().to_owned();
            let nonce = res.finish().await.unwrap();
            assert_eq!(nonce.len(), 24);
            let expected = format!(
                "default-src 'self'; script-src 'self' 'nonce-{nonce}'; \
                 style-src 'nonce-{nonce}'; upgrade-insecure-requests"
            );
            assert_eq!(policy, expected);
            assert!(seen.insert(nonce));
        }
        let app = async |_req: Request| StatusCode::NOT_MODIFIED;
        let res = middleware.call(get("/"), app).await.unwrap();
        assert!(!res.headers().contains("content-security-policy"));
    });
}

#[test]
fn report_only_is_another_header() {
    block_on(async {
        let config = json!({ "csp": { "default-src": ["'none'"] }, "csp_report_only": true });
        let res = answer(&mounted(config), get("/")).await;
        assert!(!res.headers().contains("content-security-policy"));
        let policy = res.header("content-security-policy-report-only");
        assert_eq!(policy, Some("default-src 'none'"));
    });
}

#[test]
fn hsts_is_sent_over_https_only() {
    block_on(async {
        let config = json!({ "hsts": { "max_age": 60, "include_subdomains": true } });
        let middleware = mounted(config);
        let https = || get("https://test/");
        let hsts = |res: Answered| res.header("strict-transport-security").map(str::to_owned);
        let sent = hsts(answer(&middleware, https()).await);
        assert_eq!(sent.as_deref(), Some("max-age=60; includeSubDomains"));
        assert_eq!(hsts(answer(&middleware, get("/")).await), None);
        let claimed = get("/").header("x-forwarded-proto", "https");
        assert_eq!(hsts(answer(&middleware, claimed).await), None);
    });
}

#[test]
fn error_passes_unchanged() {
    block_on(async {
        let fail = async |_req| Err::<(), _>(Error::msg("no"));
        let error = mounted(json!({})).call(get("/"), fail).await.unwrap_err();
        assert_eq!(error.message(), "no");
    });
}

#[test]
fn error_points_at_the_key() {
    for (config, place) in [
        (json!({ "csp": { "script src": [] } }), "csp.script src"),
        (
            json!({ "csp": { "script-src": ["'self'", "a; b"] } }),
            "csp.script-src[1]",
        ),
        (
            json!({ "csp": { "script-src": ["self"] } }),
            "csp.script-src[0]",
        ),
        (
            json!({ "csp": { "script-src": ["'nonce-x'"] } }),
            "csp.script-src[0]",
        ),
        (json!({ "csp_nonce": ["script-src"] }), "csp_nonce[0]"),
        (json!({ "referrer_policy": "" }), "referrer_policy"),
        (json!({ "frame_options": "a\nb" }), "frame_options"),
        (json!({ "hsts": { "preload": true } }), "hsts.preload"),
        (json!({ "trusted_proxies": ["x"] }), "trusted_proxies"),
    ] {
        let error = testing::middleware::<SecurityHeaders>(config.clone())
            .err()
            .unwrap();
        assert_eq!(error.place(), place, "{config}");
    }
}
