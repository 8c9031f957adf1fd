use std::fs;

use stackup_plugin::Method;
use stackup_plugin::testing::{self, Answered, Json, TestRequest, block_on, get, json, request};
use tempfile::TempDir;

use super::*;

fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("public");
    fs::create_dir_all(root.join("assets/fonts")).unwrap();
    fs::create_dir(root.join("assets-internal")).unwrap();
    for name in [
        "favicon.ico",
        "index.html",
        "assets/app.js",
        "assets/index.html",
        "assets/fonts/a.woff2",
        "assets-internal/key",
    ] {
        fs::write(root.join(name), name).unwrap();
    }
    for (name, text) in [
        ("app.js.gz", "gzipped"),
        ("app.js.br", "brotli"),
        ("app.js.zst", "zstandard"),
    ] {
        fs::write(root.join("assets").join(name), text).unwrap();
    }
    place
}

async fn answer(place: &TempDir, mut config: Json, request: TestRequest) -> Answered {
    config["root"] = json!(place.path().join("public"));
    let middleware = testing::middleware::<Static>(config).unwrap();
    middleware
        .call(request, async |_req: Request| "app")
        .await
        .unwrap()
}

async fn text(place: &TempDir, config: Json, path: &str) -> (u16, String) {
    let res = answer(place, config, get(path)).await;
    (res.status().as_u16(), res.finish().await.unwrap())
}

fn assets() -> Json {
    json!({ "urls": ["/assets/"] })
}

#[test]
fn other_paths_go_to_the_app() {
    block_on(async {
        let place = place();
        let cases = [
            ("/assets/app.js", (200, "assets/app.js")),
            ("//assets//app%2ejs", (200, "assets/app.js")),
            ("/assets/gone", (404, "Not Found\n")),
            ("/assets", (404, "Not Found\n")),
            ("/assets/", (404, "Not Found\n")),
            ("/", (200, "app")),
            ("/index.html", (200, "app")),
            ("/assets-internal/key", (200, "app")),
            ("/Assets/app.js", (200, "app")),
            // What is compared is what is opened.
            ("/assets/../assets-internal/key", (200, "app")),
            ("/x/%2e%2e/assets/app.js", (200, "assets/app.js")),
            // Paths that no file can have.
            ("/assets/..%2findex.html", (200, "app")),
            ("/assets/%FF", (200, "app")),
        ];
        for (path, (status, body)) in cases {
            assert_eq!(
                text(&place, assets(), path).await,
                (status, body.to_owned()),
                "{path}"
            );
        }
        assert_eq!(
            text(&place, json!({}), "/favicon.ico").await.1,
            "favicon.ico"
        );
        assert_eq!(
            text(&place, json!({ "urls": ["/"] }), "/index.html")
                .await
                .1,
            "index.html"
        );
    });
}

#[test]
fn table_of_urls_serves_only_these() {
    block_on(async {
        let place = place();
        let urls = || json!({ "urls": { "/": "index.html", "/js": "assets/app.js" } });
        assert_eq!(text(&place, urls(), "/").await.1, "index.html");
        assert_eq!(text(&place, urls(), "/js").await.1, "assets/app.js");
        assert_eq!(text(&place, urls(), "/js/").await.1, "app");
        assert_eq!(text(&place, urls(), "/assets/app.js").await.1, "app");
    });
}

#[test]
fn urls_are_the_same_in_each_spelling() {
    block_on(async {
        let place = place();
        fs::create_dir(place.path().join("public/é b")).unwrap();
        fs::write(place.path().join("public/é b/f"), "found").unwrap();
        for url in ["/é b", "/%c3%A9%20b/", "//%C3%A9 b"] {
            for request in ["/%C3%A9%20b/f", "/%c3%a9%20b/%66", "/x/../%C3%A9%20b//f"] {
                let found = text(&place, json!({ "urls": [url] }), request).await;
                assert_eq!(found, (200, "found".to_owned()), "{url} {request}");
            }
            let table = json!({ "urls": { url.trim_end_matches('/'): "é b/f" } });
            let found = text(&place, table, "/%C3%A9%20%62").await;
            assert_eq!(found, (200, "found".to_owned()), "{url}");
        }
        let mut twice = json!({ "urls": { "/a": "index.html", "/%61": "index.html" } });
        twice["root"] = json!(place.path().join("public"));
        let error = testing::middleware::<Static>(twice).err().unwrap();
        assert_eq!(
            error.message(),
            "another key is the same path, written in another way"
        );
    });
}

#[test]
fn index_is_served_for_a_directory() {
    block_on(async {
        let place = place();
        let config = || json!({ "urls": ["/assets"], "index": "index.html" });
        assert_eq!(
            text(&place, config(), "/assets/").await.1,
            "assets/index.html"
        );
        assert_eq!(text(&place, config(), "/assets/app.js/").await.0, 404);
        assert_eq!(text(&place, config(), "/").await.1, "app");
    });
}

#[test]
fn cascade_passes_missing_files_to_the_app() {
    block_on(async {
        let place = place();
        let config = || json!({ "urls": ["/assets"], "cascade": true });
        assert_eq!(
            text(&place, config(), "/assets/gone").await,
            (200, "app".to_owned())
        );
        assert_eq!(
            text(&place, config(), "/assets/app.js").await.1,
            "assets/app.js"
        );
        let res = answer(&place, config(), request(Method::POST, "/assets/gone")).await;
        assert_eq!(
            (res.status().as_u16(), res.header("allow")),
            (405, Some("GET, HEAD, OPTIONS"))
        );
    });
}

#[test]
fn options_asks_for_the_file_first() {
    block_on(async {
        let place = place();
        let options = |path: &str| request(Method::OPTIONS, path);
        let cascade = || json!({ "urls": ["/assets"], "cascade": true });
        for (config, path, status, allow, body) in [
            (assets(), "/assets/app.js", 200, true, ""),
            (assets(), "/assets/gone", 404, false, "Not Found\n"),
            (cascade(), "/assets/app.js", 200, true, ""),
            (cascade(), "/assets/gone", 200, false, "app"),
            (json!({ "urls": ["/"] }), "*", 200, false, "app"),
        ] {
            let res = answer(&place, config, options(path)).await;
            assert_eq!(res.status(), status, "{path}");
            assert_eq!(res.headers().contains("allow"), allow, "{path}");
            assert_eq!(res.finish().await.unwrap(), body, "{path}");
        }
    });
}

#[test]
fn rules_for_the_file_do_not_describe_412_and_416() {
    block_on(async {
        let place = place();
        let headers = json!({
            "cache-control": "max-age=60",
            "cdn-cache-control": "max-age=60",
            "x-accel-expires": "60",
            "content-type": "text/x-own",
            "content-encoding": "gzip",
            "content-disposition": "attachment",
            "x-rule": "1",
        });
        let config = json!({ "urls": ["/assets"], "precompressed": true, "header_rules": [{ "for": "all", "headers": headers }] });
        for (name, value, status) in [("if-match", "\"x\"", 412), ("range", "bytes=99-", 416)] {
            let request = get("/assets/app.js").header(name, value);
            let res = answer(&place, config.clone(), request).await;
            assert_eq!(res.status(), status);
            for (name, value) in res.headers().iter() {
                let of_file = name.contains("cache") || name.contains("expires");
                let of_content = name.starts_with("content-") && name != "content-range";
                assert!(!of_file && !of_content, "{status}: {name}: {value:?}");
            }
            assert_eq!(res.header("x-rule"), Some("1"));
            assert_eq!(res.headers().contains("content-range"), status == 416);
            assert_eq!(res.header("vary"), Some("accept-encoding"));
        }
    });
}

#[test]
fn compressed_form_goes_to_clients_that_accept_it() {
    block_on(async {
        let place = place();
        let config = || json!({ "urls": ["/assets"], "precompressed": true });
        let mut tags = Vec::new();
        for (accept, coding, body) in [
            ("gzip, deflate, br, zstd", Some("br"), "brotli"),
            ("gzip;q=1, br;q=0.5", Some("gzip"), "gzipped"),
            ("zstd, br;q=0", Some("zstd"), "zstandard"),
            ("identity, *;q=0", None, "assets/app.js"),
        ] {
            let request = get("/assets/app.js").header("accept-encoding", accept);
            let res = answer(&place, config(), request).await;
            assert_eq!(res.header("content-encoding"), coding, "{accept}");
            assert_eq!(
                res.header("content-type"),
                Some("text/javascript"),
                "{accept}"
            );
            assert_eq!(res.header("vary"), Some("accept-encoding"), "{accept}");
            tags.push(
                res.header("etag")
                    .unwrap()
                    .trim_start_matches("W/")
                    .to_owned(),
            );
            assert_eq!(res.finish().await.unwrap(), body, "{accept}");
        }
        let known = get("/assets/app.js")
            .header("accept-encoding", "br")
            .header("if-none-match", &tags[0]);
        let res = answer(&place, config(), known).await;
        assert_eq!(
            (res.status().as_u16(), res.header("vary")),
            (304, Some("accept-encoding"))
        );
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 4, "{tags:?}");
        // This file has no other form, so all clients get the same.
        let request = get("/assets/index.html").header("accept-encoding", "gzip");
        let res = answer(&place, config(), request).await;
        assert_eq!(
            (res.header("vary"), res.header("content-encoding")),
            (None, None)
        );
        let ranges = get("/assets/app.js").header("accept-encoding", "br");
        let res = answer(&place, config(), ranges.header("range", "bytes=0-1")).await;
        assert_eq!(
            (res.status().as_u16(), res.header("content-encoding")),
            (206, Some("br"))
        );
        let ranges = get("/assets/app.js").header("accept-encoding", "br");
        let res = answer(&place, config(), ranges.header("range", "bytes=0-1,3-4")).await;
        assert_eq!(res.status(), 200);
        let mut config_with_rule = config();
        let rule = json!({ "for": "all", "headers": { "vary": "origin" } });
        config_with_rule["header_rules"] = json!([rule]);
        let res = answer(&place, config_with_rule, get("/assets/app.js")).await;
        let vary: Vec<_> = res
            .headers()
            .get_all("vary")
            .filter_map(|vary| vary.to_str())
            .collect();
        assert_eq!(vary, ["origin", "accept-encoding"]);
        // The server in front would not know its coding.
        let offered = |accept: &str| {
            get("/assets/app.js")
                .header("accept-encoding", accept)
                .env("stackup.sendfile", "1")
        };
        let res = answer(&place, config(), offered("gzip")).await;
        assert_eq!(res.header("x-stackup-file"), None);
        let res = answer(&place, config(), offered("identity")).await;
        assert!(res.header("x-stackup-file").unwrap().starts_with("13 /"));
        let request = get("/assets/app.js").header("accept-encoding", "gzip");
        let res = answer(&place, assets(), request).await;
        assert_eq!(
            (res.header("vary"), res.header("content-encoding")),
            (None, None)
        );
    });
}

#[test]
fn last_matching_header_rule_wins() {
    block_on(async {
        let place = place();
        let rule =
            |files: Json, value: &str| json!({ "for": files, "headers": { "x-rule": value } });
        let config = json!({ "urls": ["/"], "index": "index.html", "header_rules": [
            rule(json!("all"), "all"),
            rule(json!("fonts"), "fonts"),
            rule(json!(["js", ".css"]), "extensions"),
            rule(json!("assets-internal"), "folder"),
            rule(json!({ "regex": r"^/index\.html$" }), "regex"),
        ] });
        for (path, value) in [
            ("/favicon.ico", "all"),
            ("/assets/fonts/a.woff2", "fonts"),
            ("/assets/app.js", "extensions"),
            ("/assets-internal/key", "folder"),
            ("/assets%2dinternal/key", "folder"),
            ("/", "regex"),
            ("/gone.js", "extensions"),
        ] {
            let res = answer(&place, config.clone(), get(path)).await;
            assert_eq!(res.header("x-rule"), Some(value), "{path}");
        }
        let known = get("/favicon.ico").header("if-none-match", "*");
        let res = answer(&place, config, known).await;
        assert_eq!(
            (res.status().as_u16(), res.header("x-rule")),
            (304, Some("all"))
        );
    });
}

#[test]
fn error_points_at_the_key() {
    let place = place();
    let cases = [
        (
            json!({ "urls": ["/a", "b"] }),
            "urls[1]",
            "\"b\" is not a path here: it does not begin with `/`",
        ),
        (
            json!({ "urls": { "/a": "../b" } }),
            "urls./a",
            "\"../b\" is not a file path below the root",
        ),
        (
            json!({ "urls": 1 }),
            "urls",
            "a list of paths, or a table of paths and their files",
        ),
        (json!({ "index": "../a" }), "index", "not a file name"),
    ];
    for (mut config, place_of, message) in cases {
        config["root"] = json!(place.path().join("public"));
        let error = testing::middleware::<Static>(config).err().unwrap();
        assert_eq!((error.place(), error.message()), (place_of, message));
    }
    let rules = json!([{ "for": { "regex": "(" }, "headers": {} }]);
    let config = json!({ "root": place.path().join("public"), "header_rules": rules });
    let error = testing::middleware::<Static>(config).err().unwrap();
    assert_eq!(error.place(), "header_rules[0].for.regex");
}
