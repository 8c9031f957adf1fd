use stackup_plugin::serde::Deserialize;
use stackup_plugin::testing::{self, TestRequest, block_on, get, post};
use stackup_plugin::{Error, Request, Result};

#[derive(Debug, Deserialize)]
#[serde(crate = "stackup_plugin::serde")]
struct Item {
    name: String,
    #[serde(default)]
    tags: Vec<String>,
}

async fn json(mut req: Request) -> Result<String> {
    let Item { name, tags } = req.json().await?;
    Ok(format!("{name} {tags:?}"))
}

async fn form(mut req: Request) -> Result<String> {
    let Item { name, tags } = req.form().await?;
    Ok(format!("{name} {tags:?}"))
}

async fn query(req: Request) -> Result<String> {
    let Item { name, tags } = req.query_fields()?;
    Ok(format!("{name} {tags:?}"))
}

/// The text of the answer, or the status and message of the error.
fn ask(app: Result<testing::Mounted>, request: TestRequest) -> Result<String, (u16, String)> {
    let answer = async { app?.answer(request).await?.finish().await };
    block_on(answer).map_err(|error: Error| (error.status().as_u16(), error.message().to_owned()))
}

fn typed(kind: &str, body: &str) -> TestRequest {
    post("/", body.to_owned()).header("content-type", kind)
}

#[test]
fn json_is_read_or_refused_with_the_place() {
    let ask = |kind, body| ask(testing::app_fn(json), typed(kind, body));
    let tea = r#"{ "name": "tea", "tags": ["hot"] }"#;
    assert_eq!(ask("application/json", tea).unwrap(), r#"tea ["hot"]"#);
    let other = "Application/vnd.api+json; charset=utf-8";
    assert_eq!(ask(other, tea).unwrap(), r#"tea ["hot"]"#);
    for (kind, body, status, message) in [
        (
            "text/plain",
            tea,
            415,
            "the body must be JSON (`application/json`); the `content-type` says `text/plain`",
        ),
        ("application/json", "{ name", 400, "not JSON: "),
        ("application/json", "", 400, "not JSON: EOF while parsing"),
        (
            "application/json",
            r#"{ "name": "a" } more"#,
            400,
            "not JSON: trailing characters",
        ),
        (
            "application/json",
            r#"{ "name": "a", "tags": [1] }"#,
            422,
            "the JSON does not fit: tags[0]: invalid type",
        ),
    ] {
        let (said, text) = ask(kind, body).unwrap_err();
        assert!(
            said == status && text.starts_with(message),
            "{body}: {said} {text}"
        );
    }
    let (said, _) = ask("application/json", &" ".repeat((2 << 20) + 1)).unwrap_err();
    assert_eq!(said, 413);
}

#[test]
fn repeated_fields_of_forms_and_queries_are_lists() {
    let fields = "name=black+tea&tags=hot&tags=%C3%A9";
    let form = |kind, body| ask(testing::app_fn(form), typed(kind, body));
    let query = |fields| ask(testing::app_fn(query), get(&format!("/?{fields}")));
    let expected = r#"black tea ["hot", "é"]"#;
    assert_eq!(
        form("application/x-www-form-urlencoded", fields).unwrap(),
        expected
    );
    assert_eq!(query(fields).unwrap(), expected);
    let (status, message) = form("application/json", fields).unwrap_err();
    assert!(
        status == 415 && message.contains("`application/x-www-form-urlencoded`"),
        "{message}"
    );
    assert_eq!(
        form("application/x-www-form-urlencoded", "tags=a")
            .unwrap_err()
            .0,
        422
    );
    assert_eq!(query("tags=a").unwrap_err().0, 400);
}

#[test]
fn segments_are_decoded_one_by_one() {
    async fn list(req: Request) -> String {
        format!("{:?}", req.segments().collect::<Vec<_>>())
    }
    for (path, expected) in [
        ("/", "[]"),
        ("/a%2Fb/c%20d/", r#"["a/b", "c d", ""]"#),
        ("/%FF", "[\"\u{fffd}\"]"),
    ] {
        assert_eq!(
            ask(testing::app_fn(list), get(path)).unwrap(),
            expected,
            "{path}"
        );
    }
}

#[cfg(feature = "cookie")]
#[test]
fn cookies_are_read_from_all_lines() {
    async fn list(req: Request) -> String {
        let pairs = req.cookies().map(|cookie| cookie.to_string());
        pairs.collect::<Vec<_>>().join(" ")
    }
    let request = get("/")
        .header("cookie", "a=1; b=2; nonsense")
        .header("cookie", "c=x%20y");
    assert_eq!(
        ask(testing::app_fn(list), request).unwrap(),
        "a=1 b=2 c=x%20y"
    );
}
