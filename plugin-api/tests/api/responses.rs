use stackup_plugin::http::HeaderMap;
use stackup_plugin::testing::{block_on, json};
use stackup_plugin::{Body, Bytes, Error, Html, IntoResponse, Json, Response, StatusCode};

/// Status, content type and body.
fn shape(form: impl IntoResponse) -> (u16, Option<String>, String) {
    let mut res = form.into_response().unwrap();
    let body = block_on(res.take_body().collect(1 << 20)).unwrap();
    let kind = res.header("content-type").map(str::to_owned);
    (
        res.status().as_u16(),
        kind,
        String::from_utf8(body.bytes.to_vec()).unwrap(),
    )
}

fn is(status: u16, kind: &str, body: &str) -> (u16, Option<String>, String) {
    let kind = (!kind.is_empty()).then(|| kind.to_owned());
    (status, kind, body.to_owned())
}

#[test]
fn each_return_type_becomes_a_response() {
    const TEXT: &str = "text/plain; charset=utf-8";
    assert_eq!(shape(()), is(200, "", ""));
    assert_eq!(shape(StatusCode::NO_CONTENT), is(204, "", ""));
    assert_eq!(shape("a"), is(200, TEXT, "a"));
    assert_eq!(shape(String::from("a")), is(200, TEXT, "a"));
    assert_eq!(shape(std::borrow::Cow::Borrowed("a")), is(200, TEXT, "a"));
    assert_eq!(shape(Body::from("a")), is(200, "", "a"));
    for form in [
        shape(Bytes::from("a")),
        shape(b"a".to_vec()),
        shape(&b"a"[..]),
    ] {
        assert_eq!(form, is(200, "application/octet-stream", "a"));
    }
    assert_eq!(shape(Json([1, 2])), is(200, "application/json", "[1,2]"));
    assert_eq!(
        shape(json!({ "a": null })),
        is(200, "application/json", r#"{"a":null}"#)
    );
    assert_eq!(
        shape(Html("<p>")),
        is(200, "text/html; charset=utf-8", "<p>")
    );
    assert_eq!(shape((StatusCode::CREATED, "a")), is(201, TEXT, "a"));
    assert_eq!(shape(Ok::<_, Error>("a")), is(200, TEXT, "a"));
    assert_eq!(
        shape(Response::new(StatusCode::IM_A_TEAPOT)),
        is(418, "", "")
    );
}

#[test]
fn headers_are_set_with_response() {
    let fields = [("content-type", "text/css"), ("x-a", "1")];
    assert_eq!(
        shape((StatusCode::OK, fields, "a{}")),
        is(200, "text/css", "a{}")
    );
    assert_eq!(shape((fields, "a{}")), is(200, "text/css", "a{}"));
    let mut map = HeaderMap::new();
    map.append("x-a", "1".parse().unwrap());
    map.append("x-a", "2".parse().unwrap());
    let res = (StatusCode::OK, map, "").into_response().unwrap();
    assert_eq!(res.headers().get_all("x-a").count(), 2);
    let res = (StatusCode::OK, vec![("x-a", "1"), ("x-a", "2")], "")
        .into_response()
        .unwrap();
    assert_eq!(res.headers().get_all("x-a").count(), 2);
}

#[test]
fn invalid_response_is_error() {
    assert!(
        (StatusCode::OK, [("a b", "c")], "")
            .into_response()
            .is_err()
    );
    let odd = Json(std::collections::HashMap::from([((1, 2), 3)]));
    assert_eq!(
        odd.into_response().unwrap_err().message(),
        "key must be a string"
    );
    let error = Err::<(), _>(Error::new(StatusCode::NOT_FOUND, "no such tea"));
    assert_eq!(error.into_response().unwrap_err().status(), 404);
}
