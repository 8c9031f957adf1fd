use stackup_plugin::StatusCode;
use stackup_plugin::testing::{self, Answered, Json, TestRequest, block_on, get, json};

use super::*;

/// What `files` answers below, for a file of five bytes at `path`.
fn file(req: &Request, path: &str) -> Response {
    let mut res = Response::new(StatusCode::OK)
        .with_header("content-length", "5")
        .unwrap();
    res.set_body("12345");
    if sendfile::is_offered(req) {
        sendfile::name(&mut res, Path::new(path), 5).unwrap();
    }
    res
}

async fn answer(config: Json, request: TestRequest, path: &'static str) -> Answered {
    let middleware = testing::middleware::<Sendfile>(config).unwrap();
    let below = async move |req: Request| file(&req, path);
    middleware.call(request, below).await.unwrap()
}

fn accel() -> Json {
    json!({ "variation": "x-accel-redirect", "mappings": { "/srv/www": "/internal", "/srv/www/a": "/a/" } })
}

#[test]
fn file_is_delegated_to_the_server_in_front() {
    block_on(async {
        for (config, path, header, value) in [
            (
                json!({ "variation": "x-sendfile" }),
                "/srv/www/b",
                "x-sendfile",
                "/srv/www/b",
            ),
            (
                json!({ "variation": "x-sendfile" }),
                "/srv/a%41\r\nx: é",
                "x-sendfile",
                "/srv/a%2541%0D%0Ax:%20%C3%A9",
            ),
            (
                json!({ "variation": "x-lighttpd-send-file" }),
                "/b",
                "x-lighttpd-send-file",
                "/b",
            ),
            (
                accel(),
                "/srv/www/b?c.txt",
                "x-accel-redirect",
                "/internal/b%3Fc.txt",
            ),
            (
                accel(),
                "/srv/www/a/b%2e.txt",
                "x-accel-redirect",
                "/a/b%252e.txt",
            ),
        ] {
            let res = answer(config, get("/"), path).await;
            assert_eq!(res.header(header), Some(value));
            assert_eq!(res.header("content-length"), Some("0"));
            assert_eq!(res.header("x-stackup-file"), None);
            assert_eq!(res.finish().await.unwrap(), "");
        }
    });
}

#[test]
fn file_outside_all_mappings_is_sent_from_here() {
    block_on(async {
        for path in ["/etc/passwd", "/srv/www-2/b", "/srv"] {
            let res = answer(accel(), get("/"), path).await;
            assert_eq!(res.header("x-accel-redirect"), None, "{path}");
            assert_eq!(res.header("x-stackup-file"), None, "{path}");
            assert_eq!(res.header("content-length"), Some("5"));
            assert_eq!(res.finish().await.unwrap(), "12345");
        }
    });
}

#[test]
fn request_headers_have_no_effect() {
    block_on(async {
        let request = || {
            get("/")
                .header("x-sendfile-type", "x-sendfile")
                .header("x-accel-mapping", "/etc=/srv,/=/")
                .header("x-stackup-file", "5 /etc/passwd")
                .header("stackup.sendfile", "1")
        };
        let res = answer(accel(), request(), "/etc/passwd").await;
        assert_eq!(
            (res.header("x-sendfile"), res.header("x-accel-redirect")),
            (None, None)
        );
        assert_eq!(res.finish().await.unwrap(), "12345");
        // Without the middleware nothing is offered, whatever the client sends.
        let app = testing::app_fn(async |req: Request| file(&req, "/etc/passwd")).unwrap();
        let res = app.answer(request()).await.unwrap();
        assert_eq!(res.header("x-stackup-file"), None);
    });
}

#[test]
fn changed_body_is_sent_from_here() {
    block_on(async {
        type Change = fn(&mut Response);
        let changes: [Change; 4] = [
            // As an encoder does.
            |res| {
                res.headers_mut().remove("content-length");
                res.set_body("packed");
            },
            |res| {
                res.headers_mut().remove("content-length");
                res.set_body("54321");
            },
            // As one that translates does, letter by letter.
            |res| res.map_body(|body| body.map_chunks(|chunk| chunk)),
            |res| res.set_body("longer than it was"),
        ];
        for change in changes {
            let config = json!({ "variation": "x-sendfile" });
            let middleware = testing::middleware::<Sendfile>(config).unwrap();
            let below = async move |req: Request| {
                let mut res = file(&req, "/srv/b");
                change(&mut res);
                res
            };
            let res = middleware.call(get("/"), below).await.unwrap();
            assert_eq!(
                (res.header("x-sendfile"), res.header("x-stackup-file")),
                (None, None)
            );
            assert_ne!(res.finish().await.unwrap(), "");
        }
    });
}

#[test]
fn error_points_at_the_key() {
    for (config, place) in [
        (json!({ "variation": "x-accel-redirect" }), "mappings"),
        (
            json!({ "variation": "x-sendfile", "mappings": { "/a": "/b" } }),
            "mappings",
        ),
        (
            json!({ "variation": "x-accel-redirect", "mappings": { "/a": "b" } }),
            "mappings./a",
        ),
        (json!({ "variation": "other" }), "variation"),
    ] {
        let error = testing::middleware::<Sendfile>(config).err().unwrap();
        assert_eq!(error.place(), place, "{error}");
    }
    let error = testing::middleware::<Sendfile>(json!({})).err().unwrap();
    assert_eq!(error.message(), "missing field `variation`");
}
