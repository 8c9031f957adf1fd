use stackup_plugin::testing::{self, TestRequest, block_on, get, json};
use stackup_plugin::{Response, StatusCode};

use super::*;

fn shown(request: TestRequest, error: Error) -> (Response, String) {
    block_on(async {
        let config = json!({ "environments": ["test"] });
        let mounted = testing::middleware::<ShowExceptions>(config).unwrap();
        let below = async move |_req| Err::<(), _>(error);
        let mut res = mounted.call(request, below).await.unwrap();
        let mut head = Response::new(res.status());
        for (name, value) in res.headers().iter() {
            head.headers_mut().append(name, value).unwrap();
        }
        let body = res.take_body().collect(1 << 20).await.unwrap().bytes;
        (head, String::from_utf8(body.to_vec()).unwrap())
    })
}

fn browser(path: &str) -> TestRequest {
    get(path).header("accept", "text/html,*/*;q=0.8")
}

#[test]
fn browser_gets_a_page_and_others_get_text() {
    let (head, page) = shown(browser("/a?b=c"), Error::msg("no tea"));
    assert_eq!(head.status(), 500);
    assert_eq!(
        head.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(head.header("cache-control"), Some("no-store"));
    for part in ["error in `next`: no tea", "GET /a", "QUERY_STRING<td>b=c"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (head, text) = shown(get("/a"), Error::new(StatusCode::IM_A_TEAPOT, "no tea"));
    assert_eq!(head.status(), 418);
    assert_eq!(
        head.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(
        text,
        "418 I'm a teapot\n\nerror in `next`: no tea\n\nGET /a\n"
    );
}

#[test]
fn page_is_escaped() {
    let script = "<script>alert('x')</script>";
    let request = browser("/%3Cscript%3E")
        .header("x-a", script)
        .env("<b>", script);
    let (_, page) = shown(request, Error::msg(script));
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{page}");
}

#[test]
fn secrets_are_hidden() {
    let request = browser("/")
        .header("authorization", "Basic c2VzYW1l")
        .header("cookie", "id=c2VzYW1l")
        .header("x-csrf-token", "c2VzYW1l")
        .env("app.session", "c2VzYW1l");
    let (_, page) = shown(request, Error::msg("no"));
    assert!(!page.contains("c2VzYW1l"), "{page}");
    assert!(page.contains("HTTP_AUTHORIZATION<td>[hidden]"), "{page}");
}

#[test]
fn panic_has_its_location() {
    block_on(async {
        let config = json!({ "environments": ["test"] });
        let mounted = testing::middleware::<ShowExceptions>(config).unwrap();
        let app = testing::app_fn(async |_req: Request| -> &str { panic!("out of tea") }).unwrap();
        let res = mounted.over(app).answer(get("/")).await.unwrap();
        assert_eq!(res.status(), 500);
        let text = res.finish().await.unwrap();
        assert!(text.contains("panic in `test` at "), "{text}");
        assert!(
            text.contains("tests.rs:") && text.contains(": out of tea"),
            "{text}"
        );
    });
}

#[test]
fn error_is_logged_in_one_line() {
    let log = testing::log();
    shown(get("/"), Error::msg("a\nb"));
    shown(get("/"), Error::new(StatusCode::NOT_FOUND, "not here"));
    let lines: Vec<_> = log.lines().iter().map(ToString::to_string).collect();
    assert_eq!(lines[0], r"ERROR error in `next`: a\nb request=GET /");
    assert!(lines[1].starts_with("DEBUG error in `next`: not here"));
}

#[test]
fn errors_pass_in_other_environments() {
    block_on(async {
        let mounted = testing::middleware::<ShowExceptions>(json!({})).unwrap();
        let fail = async |_req| Err::<(), _>(Error::msg("secret"));
        let error = mounted.call(browser("/"), fail).await.unwrap_err();
        assert_eq!(error.message(), "secret");
    });
}

#[test]
fn responses_pass_unchanged() {
    block_on(async {
        let config = json!({ "environments": ["test"] });
        let mounted = testing::middleware::<ShowExceptions>(config).unwrap();
        let below = async |_req| (StatusCode::INTERNAL_SERVER_ERROR, "own page");
        let res = mounted.call(browser("/"), below).await.unwrap();
        assert_eq!(res.finish().await.unwrap(), "own page");
    });
}
