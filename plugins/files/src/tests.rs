use std::fs::{self, File};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stackup_plugin::Method;
use stackup_plugin::testing::{self, Answered, Json, TestRequest, block_on, get, json, request};
use tempfile::TempDir;

use super::*;

/// A folder with `public/a b.css` of ten bytes, last changed at `MODIFIED`, and a secret beside `public`.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let public = place.path().join("public");
    fs::create_dir_all(public.join("sub")).unwrap();
    fs::write(public.join("a b.css"), "0123456789").unwrap();
    fs::write(public.join("unknown"), "?").unwrap();
    fs::write(public.join(".env"), "s3cret").unwrap();
    fs::write(place.path().join("secret"), "s3cret").unwrap();
    let file = File::options()
        .write(true)
        .open(public.join("a b.css"))
        .unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
        .unwrap();
    place
}

const MODIFIED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

fn with_root(place: &TempDir, mut config: Json) -> Json {
    config["root"] = json!(place.path().join("public"));
    config
}

async fn answer(place: &TempDir, config: Json, request: TestRequest) -> Answered {
    let files = testing::app::<Files>(with_root(place, config)).unwrap();
    files.answer(request).await.unwrap()
}

fn css() -> TestRequest {
    get("/a%20b.css")
}

#[test]
fn file_is_served_with_its_headers() {
    block_on(async {
        let place = place();
        let config = json!({ "headers": { "cache-control": "max-age=60" } });
        let res = answer(&place, config, css()).await;
        assert_eq!(res.status(), 200);
        for (name, value) in [
            ("content-type", "text/css"),
            ("content-length", "10"),
            ("accept-ranges", "bytes"),
            ("last-modified", MODIFIED),
            ("etag", "\"3b9aca00.0-a\""),
            ("cache-control", "max-age=60"),
        ] {
            assert_eq!(res.header(name), Some(value), "{name}");
        }
        assert_eq!(res.header("x-stackup-file"), None);
        assert_eq!(res.finish().await.unwrap(), "0123456789");
        let res = answer(&place, json!({}), request(Method::HEAD, "/a%20b.css")).await;
        assert_eq!(
            (res.status().as_u16(), res.header("content-length")),
            (200, Some("10"))
        );
        assert_eq!(res.finish().await.unwrap(), "");
        let res = answer(&place, json!({}), get("/unknown")).await;
        assert_eq!(res.header("content-type"), Some("text/plain"));
    });
}

#[test]
fn other_methods_get_405_with_allow() {
    block_on(async {
        let place = place();
        for path in ["/a%20b.css", "/gone", "/%FF"] {
            let res = answer(&place, json!({}), request(Method::DELETE, path)).await;
            assert_eq!(res.status(), 405);
            assert_eq!(res.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
    });
}

#[test]
fn options_succeeds_for_files_that_exist() {
    block_on(async {
        let place = place();
        let config = || json!({ "headers": { "cache-control": "max-age=60" } });
        for (path, status) in [
            ("/a%20b.css", 200),
            ("*", 200),
            ("/gone", 404),
            ("/sub", 404),
            ("/.env", 404),
            ("/%FF", 400),
        ] {
            let res = answer(&place, config(), request(Method::OPTIONS, path)).await;
            assert_eq!(res.status(), status, "{path}");
            let (allow, cascade) = match status {
                200 => (Some("GET, HEAD, OPTIONS"), None),
                _ => (None, Some("pass")),
            };
            assert_eq!(res.header("allow"), allow, "{path}");
            assert_eq!(res.header("x-cascade"), cascade, "{path}");
            assert_eq!(res.header("cache-control"), None, "{path}");
        }
        let conditional = request(Method::OPTIONS, "/a%20b.css").header("if-none-match", "*");
        assert_eq!(answer(&place, json!({}), conditional).await.status(), 200);
    });
}

/// As in a Nix store, a package of npm or of cargo.
#[test]
fn file_with_a_constant_time_has_no_validators() {
    block_on(async {
        let place = place();
        let path = place.path().join("public/a b.css");
        for seconds in [0, 1, 499_162_500, 1_153_704_088] {
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
                .unwrap();
            let res = answer(&place, json!({}), css().env("stackup.sendfile", "1")).await;
            assert_eq!(res.status(), 200);
            for name in ["etag", "last-modified", "x-stackup-file"] {
                assert_eq!(res.header(name), None, "{seconds}");
            }
            for (name, value) in [
                ("if-none-match", format!("\"{seconds:x}.0-a\"")),
                ("if-modified-since", MODIFIED.to_owned()),
            ] {
                let res = answer(&place, json!({}), css().header(name, &value)).await;
                assert_eq!(res.status(), 200, "{name} {seconds}");
            }
            let range = css().header("range", "bytes=0-1");
            assert_eq!(answer(&place, json!({}), range).await.status(), 206);
        }
    });
}

#[test]
fn date_in_the_future_is_not_trusted() {
    block_on(async {
        let place = place();
        let path = place.path().join("public/a b.css");
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(86_400))
            .unwrap();
        let res = answer(&place, json!({}), css()).await;
        assert!(res.header("etag").unwrap().starts_with("W/"));
        let date = res.header("last-modified").unwrap().to_owned();
        let since = css().header("if-modified-since", &date);
        assert_eq!(answer(&place, json!({}), since).await.status(), 200);
    });
}

#[test]
fn other_paths_get_404_or_400() {
    block_on(async {
        let place = place();
        for (path, status) in [
            ("/", 404),
            ("/sub", 404),
            ("/sub/", 404),
            ("/gone", 404),
            ("/unknown/", 404),
            ("/unknown/more", 404),
            ("/.env", 404),
            ("/%2eenv", 404),
            ("/..%2fsecret", 404),
            ("/sub/..%2funknown", 404),
            ("/sub/../gone", 404),
            ("/%ff", 400),
        ] {
            let res = answer(&place, json!({}), get(path)).await;
            assert_eq!(res.status(), status, "{path}");
            assert_eq!(res.header("x-cascade"), Some("pass"), "{path}");
            assert_eq!(
                res.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
        }
        let res = answer(&place, json!({ "dot_files": true }), get("/.env")).await;
        assert_eq!(res.finish().await.unwrap(), "s3cret");
    });
}

#[test]
fn client_with_a_current_copy_gets_304() {
    block_on(async {
        let place = place();
        let config = || json!({ "headers": { "cache-control": "max-age=60" } });
        for (name, value) in [
            ("if-none-match", "W/\"3b9aca00.0-a\""),
            ("if-modified-since", MODIFIED),
        ] {
            let res = answer(&place, config(), css().header(name, value)).await;
            assert_eq!(res.status(), 304, "{name}");
            assert_eq!(res.header("etag"), Some("\"3b9aca00.0-a\""));
            assert_eq!(res.header("cache-control"), Some("max-age=60"));
            assert_eq!(res.header("content-type"), None);
            assert_eq!(res.header("content-length"), None);
        }
    });
}

/// Caches don't have `if-match` and `range` in their keys.
#[test]
fn errors_that_depend_on_request_headers_are_not_cached() {
    block_on(async {
        let place = place();
        let config = || {
            json!({ "headers": {
                "cache-control": "max-age=60", "expires": "Thu, 01 Jan 2099 00:00:00 GMT",
                "cdn-cache-control": "max-age=60", "access-control-allow-origin": "*",
            } })
        };
        for (name, value, status) in [("if-match", "\"other\"", 412), ("range", "bytes=10-", 416)] {
            let res = answer(&place, config(), css().header(name, value)).await;
            assert_eq!(res.status(), status);
            for gone in ["cache-control", "expires", "cdn-cache-control"] {
                assert_eq!(res.header(gone), None, "{status}");
            }
            assert_eq!(res.header("access-control-allow-origin"), Some("*"));
            assert_eq!(res.header("etag"), Some("\"3b9aca00.0-a\""));
        }
    });
}

#[test]
fn ranges_are_served() {
    block_on(async {
        let place = place();
        let range =
            async |value: &str| answer(&place, json!({}), css().header("range", value)).await;
        let res = range("bytes=2-4").await;
        assert_eq!(res.status(), 206);
        assert_eq!(res.header("content-range"), Some("bytes 2-4/10"));
        assert_eq!(res.header("content-length"), Some("3"));
        assert_eq!(res.finish().await.unwrap(), "234");
        let res = range("bytes=-3").await;
        assert_eq!(res.header("content-range"), Some("bytes 7-9/10"));
        let res = range("bytes=10-").await;
        assert_eq!(res.status(), 416);
        assert_eq!(res.header("content-range"), Some("bytes */10"));
        let res = range("bytes=0-,0-,0-").await;
        assert_eq!(res.status(), 416);
        let res = range("lines=0-1").await;
        assert_eq!(res.status(), 200);
        let head = request(Method::HEAD, "/a%20b.css").header("range", "bytes=2-4");
        let res = answer(&place, json!({}), head).await;
        assert_eq!(
            (res.status().as_u16(), res.header("content-length")),
            (200, Some("10"))
        );
    });
}

#[test]
fn several_ranges_are_sent_as_multipart() {
    block_on(async {
        let place = place();
        let res = answer(&place, json!({}), css().header("range", "bytes=8-9,0-1")).await;
        assert_eq!(res.status(), 206);
        assert_eq!(res.header("content-range"), None);
        let kind = res.header("content-type").unwrap().to_owned();
        let boundary = kind
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        let length = res.header("content-length").unwrap().to_owned();
        let part = |range: &str, text: &str| {
            format!(
                "--{boundary}\r\ncontent-type: text/css\r\ncontent-range: bytes {range}/10\r\n\r\n{text}\r\n"
            )
        };
        let expected = format!(
            "{}{}--{boundary}--\r\n",
            part("8-9", "89"),
            part("0-1", "01")
        );
        let text = res.finish().await.unwrap();
        assert_eq!(text, expected);
        assert_eq!(text.len().to_string(), length);
    });
}

#[test]
fn if_range_of_another_state_gets_the_whole_file() {
    block_on(async {
        let place = place();
        let asked = |value: &str| css().header("range", "bytes=0-0").header("if-range", value);
        for (value, status) in [
            ("\"3b9aca00.0-a\"", 206),
            (MODIFIED, 206),
            ("W/\"3b9aca00.0-a\"", 200),
            ("\"other\"", 200),
            ("Sun, 09 Sep 2001 01:46:41 GMT", 200),
        ] {
            assert_eq!(
                answer(&place, json!({}), asked(value)).await.status(),
                status,
                "{value}"
            );
        }
        // The file may change again within the second, so its tag is weak.
        let path = place.path().join("public/a b.css");
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(SystemTime::now())
            .unwrap();
        let res = answer(&place, json!({}), css()).await;
        let tag = res.header("etag").unwrap().to_owned();
        assert!(tag.starts_with("W/"), "{tag}");
        assert_eq!(answer(&place, json!({}), asked(&tag)).await.status(), 200);
    });
}

#[test]
fn error_points_at_the_key() {
    let place = place();
    let refusal = |config: Json| testing::app::<Files>(config).err().unwrap();
    let error = refusal(json!({ "root": "/no/such/place" }));
    assert_eq!(error.place(), "root");
    assert!(
        error.message().starts_with("/no/such/place: No such file"),
        "{error}"
    );
    let error = refusal(json!({ "root": place.path().join("secret") }));
    assert!(
        error.message().ends_with("secret: not a directory"),
        "{error}"
    );
    for bad in ["", "html", "text/", "a\nb", "text/html\nx: y"] {
        let error = refusal(with_root(&place, json!({ "default_type": bad })));
        assert_eq!(error.place(), "default_type");
        let message = format!("{bad:?} is not a media type such as \"text/plain\"");
        assert_eq!(error.message(), message);
    }
    let error = refusal(with_root(&place, json!({ "symlinks": "some" })));
    assert_eq!(error.place(), "symlinks");
}
