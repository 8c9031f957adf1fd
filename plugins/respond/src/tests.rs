use std::fs;

use stackup_plugin::testing::{self, Json, block_on, get, json};

use super::*;

fn refusal(config: Json) -> (String, String) {
    let error = testing::app::<Respond>(config).err().unwrap();
    (error.place().to_owned(), error.message().to_owned())
}

fn answer(config: Json) -> (u16, Vec<(String, String)>, String) {
    block_on(async {
        let app = testing::app::<Respond>(config).unwrap();
        let res = app.answer(get("/any")).await.unwrap();
        let headers = res.headers();
        let line = |(name, value): (&str, stackup_plugin::Value<'_>)| {
            (name.to_owned(), value.to_str().unwrap().to_owned())
        };
        let headers = headers.iter().map(line).collect();
        (res.status().as_u16(), headers, res.finish().await.unwrap())
    })
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn empty_config_is_an_empty_200() {
    assert_eq!(answer(json!({})), (200, vec![], String::new()));
}

#[test]
fn body_is_text_unless_a_header_says_otherwise() {
    let (_, headers, body) = answer(json!({ "body": "Nö\n" }));
    assert_eq!(headers, [pair("content-type", "text/plain; charset=utf-8")]);
    assert_eq!(body, "Nö\n");
    let headers = json!({ "content-type": "text/html", "x-two": ["1", "2"] });
    let (status, headers, body) =
        answer(json!({ "status": 503, "headers": headers, "body": "<p>" }));
    assert_eq!((status, &*body), (503, "<p>"));
    let expected = [
        pair("content-type", "text/html"),
        pair("x-two", "1"),
        pair("x-two", "2"),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn file_has_the_type_of_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.html");
    fs::write(&file, "<h1>").unwrap();
    let (_, headers, body) = answer(json!({ "file": file }));
    assert_eq!(headers, [pair("content-type", "text/html")]);
    assert_eq!(body, "<h1>");
}

#[test]
fn error_points_at_the_key() {
    let status = |number| format!("{number} is not a final status; use 200 to 599");
    for number in [0, 101, 199, 600] {
        let refused = refusal(json!({ "status": number }));
        assert_eq!(refused, ("status".to_owned(), status(number)));
    }
    let refused = refusal(json!({ "status": 204, "body": "x" }));
    assert_eq!(refused.0, "status");
    assert!(
        refused.1.ends_with("has no body (RFC 9110 §6.4.1)"),
        "{}",
        refused.1
    );
    let (place, message) = refusal(json!({ "body": "a", "file": "b" }));
    assert_eq!(
        (&*place, &*message),
        ("file", "`body` is set, too; remove one of the two")
    );
    let (place, message) = refusal(json!({ "file": "/no/such/file" }));
    assert_eq!(place, "file");
    assert!(
        message.starts_with("/no/such/file: No such file"),
        "{message}"
    );
    let (_, message) = refusal(json!({ "file": "/dev/zero" }));
    assert_eq!(message, "/dev/zero: it is a device, not a regular file");
    let (place, _) = refusal(json!({ "headers": { "x": "a\r\nset-cookie: b" } }));
    assert_eq!(place, "headers.x");
}
