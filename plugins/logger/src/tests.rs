use stackup_plugin::testing::{self, Json, Mounted, TestRequest, block_on, get, json};
use stackup_plugin::{Body, Error, IntoResponse, Method, StatusCode, serde_json};

use super::*;

fn mounted() -> Mounted {
    testing::middleware::<Logger>(json!({})).unwrap()
}

/// The line of a request that is answered and read to its end.
fn line(request: TestRequest, answer: impl IntoResponse + Send + 'static) -> String {
    line_as(json!({}), request, answer)
}

fn line_as(
    config: Json,
    request: TestRequest,
    answer: impl IntoResponse + Send + 'static,
) -> String {
    let log = testing::log();
    block_on(async {
        let answer = async move |_req: Request| answer;
        testing::middleware::<Logger>(config)
            .unwrap()
            .call(request, answer)
            .await
            .unwrap()
            .finish()
            .await
            .unwrap();
    });
    let [line] = log.messages().try_into().unwrap();
    line
}

/// A line without its time and seconds, which must have their form.
fn plain(line: &str) -> String {
    let (before, rest) = line.split_once('[').unwrap();
    let (time, rest) = rest.split_once(']').unwrap();
    Zoned::strptime("%d/%b/%Y:%H:%M:%S %z", time).unwrap();
    let (rest, seconds) = rest.rsplit_once(' ').unwrap();
    assert_eq!(seconds.split_once('.').unwrap().1.len(), 4, "{seconds}");
    format!("{before}[]{rest}")
}

#[test]
fn common_line_matches_rack() {
    let request = get("/a%20b?x=%22&y").env("REMOTE_USER", "ada");
    assert_eq!(
        plain(&line(request, "hello")),
        r#"127.0.0.1 - ada [] "GET /a%20b?x=%22&y HTTP/1.1" 200 5"#
    );
}

#[test]
fn missing_values_are_dashes() {
    let request = testing::request(Method::DELETE, "/");
    assert_eq!(
        plain(&line(request, StatusCode::NO_CONTENT)),
        r#"127.0.0.1 - - [] "DELETE / HTTP/1.1" 204 -"#
    );
}

#[test]
fn length_is_the_content_length() {
    let head = (StatusCode::OK, [("content-length", "1234")], ());
    let request = testing::request(Method::HEAD, "/");
    assert!(plain(&line(request, head)).ends_with("200 1234"));
    let zero = (StatusCode::OK, [("content-length", "0")], ());
    assert!(plain(&line(get("/"), zero)).ends_with("200 -"));
}

#[test]
fn client_cannot_forge_a_line() {
    let request = get("/").env("REMOTE_USER", "x\" 200\n127.0.0.1");
    let line = line(request, "");
    assert!(line.contains(r"- x\x22 200\x0A127.0.0.1 ["), "{line}");
}

#[test]
fn line_is_written_when_the_body_ends() {
    let log = testing::log();
    block_on(async {
        let (mut sender, body) = Body::channel(1);
        let answer = async move |_req: Request| body;
        let mut res = mounted().call(get("/"), answer).await.unwrap();
        sender.send("half").await.unwrap();
        let mut body = res.take_body();
        body.frame().await.unwrap().unwrap();
        assert_eq!(log.lines(), []);
        sender.send(" and half").await.unwrap();
        drop(sender);
        body.collect(100).await.unwrap();
    });
    let [line] = log.messages().try_into().unwrap();
    assert!(plain(&line).ends_with(r#"" 200 13"#), "{line}");
}

#[test]
fn disconnect_during_the_body_is_logged() {
    let log = testing::log();
    block_on(async {
        let mut res = mounted()
            .call(get("/"), async |_req| "hello")
            .await
            .unwrap();
        drop(res.take_body());
    });
    let [line] = log.lines().try_into().unwrap();
    assert!(plain(&line.message).ends_with(r#"" 200 -"#), "{line}");
    assert!(line.to_string().contains("error=the client left"), "{line}");
}

#[test]
fn disconnect_before_the_response_has_no_status() {
    let log = testing::log();
    let logger = mounted();
    {
        let mut call =
            std::pin::pin!(logger.call(get("/"), async |_req| std::future::pending::<()>().await));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
    let [line] = log.messages().try_into().unwrap();
    assert!(plain(&line).ends_with(r#"" - -"#), "{line}");
}

#[test]
fn failed_request_is_logged_with_its_error() {
    let log = testing::log();
    block_on(async {
        let fail = async |_req: Request| Err::<&str, _>(Error::msg("no\ntea"));
        mounted().call(get("/"), fail).await.unwrap_err();
    });
    let [line] = log.lines().try_into().unwrap();
    assert!(plain(&line.message).ends_with(r#"" 500 -"#), "{line}");
    assert!(
        line.to_string().ends_with(r"error=no\x0Atea handler=next"),
        "{line}"
    );
}

#[test]
fn failed_body_is_logged_with_the_bytes_sent() {
    let log = testing::log();
    block_on(async {
        let broken = async |_req: Request| {
            let (mut sender, body) = Body::channel(2);
            sender.send("abc").await.unwrap();
            sender.fail(Error::msg("disk on fire"));
            (StatusCode::OK, [("content-length", "100")], body)
        };
        let res = mounted().call(get("/"), broken).await.unwrap();
        res.finish().await.unwrap_err();
    });
    let [line] = log.lines().try_into().unwrap();
    assert!(plain(&line.message).ends_with(r#"" 200 3"#), "{line}");
    assert!(line.to_string().contains("error=disk on fire"), "{line}");
}

#[test]
fn combined_has_referer_and_user_agent() {
    let config = || json!({ "format": "combined" });
    let request = get("/a")
        .header("referer", "https://a/\"")
        .header("user-agent", "x/1 (y)");
    let line = line_as(config(), request, "hello");
    let (before, rest) = line.split_once('[').unwrap();
    let (_, rest) = rest.split_once(']').unwrap();
    assert_eq!(before, "127.0.0.1 - - ");
    let expected = r#" "GET /a HTTP/1.1" 200 5 "https://a/\x22" "x/1 (y)""#;
    assert_eq!(rest, expected);
    assert!(line_as(config(), get("/"), "").ends_with(r#"" 200 - "-" "-""#));
}

#[test]
fn json_has_all_fields() {
    let request = get("/a%20b?x=1")
        .header("user-agent", "x\u{9b}31m")
        .env("REMOTE_USER", "a\nb");
    let request = request.env("stackup.request_id", "id-1");
    let line = line_as(json!({ "format": "json" }), request, "hello");
    assert!(
        line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{line}"
    );
    let mut value: Json = serde_json::from_str(&line).unwrap();
    let time = value["time"].take();
    time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(value["seconds"].take().as_f64().unwrap() < 10.0);
    let expected = json!({
        "time": null, "seconds": null, "address": "127.0.0.1", "user": "a\nb", "method": "GET",
        "path": "/a%20b", "query": "x=1", "protocol": "HTTP/1.1", "status": 200, "bytes": 5,
        "user_agent": "x\u{9b}31m", "request_id": "id-1", "generation": 0,
    });
    assert_eq!(value, expected);
}

#[test]
fn json_has_the_error() {
    let log = testing::log();
    block_on(async {
        let fail = async |_req: Request| Err::<&str, _>(Error::msg("no\ntea"));
        let logger = testing::middleware::<Logger>(json!({ "format": "json" })).unwrap();
        logger.call(get("/"), fail).await.unwrap_err();
    });
    let [line] = log.lines().try_into().unwrap();
    let value: Json = serde_json::from_str(&line.message).unwrap();
    assert_eq!(value["status"], 500);
    assert_eq!(
        (&value["error"], &value["handler"]),
        (&json!("no\ntea"), &json!("next"))
    );
    assert!(line.fields.is_empty());
}

#[test]
fn null_logger_silences_it() {
    let log = testing::log();
    block_on(async {
        let request = get("/").env("rack.logger", "null");
        let res = mounted().call(request, async |_req| "hello").await.unwrap();
        assert_eq!(res.finish().await.unwrap(), "hello");
    });
    assert_eq!(log.lines(), []);
}

#[test]
fn unknown_format_is_refused() {
    let error = testing::middleware::<Logger>(json!({ "format": "apache" }))
        .err()
        .unwrap();
    assert_eq!(error.place(), "format");
}
