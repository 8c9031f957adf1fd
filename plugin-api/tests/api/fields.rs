use stackup_plugin::testing::{self, Json, block_on, get, json};
use stackup_plugin::{App, Context, Fields, Request, Response, Result, StatusCode, schemars};

#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
struct Config {
    headers: Fields,
}

struct Fixed(Fields);

impl App for Fixed {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self(config.headers))
    }

    async fn call(&self, _req: Request) -> Result {
        let mut res = Response::new(StatusCode::OK).with_header("link", "</old>")?;
        self.0.set_on(res.headers_mut())?;
        Ok(res)
    }
}

fn links(config: Json) -> Vec<String> {
    block_on(async {
        let app = testing::app::<Fixed>(config).unwrap();
        let res = app.answer(get("/")).await.unwrap();
        let links = res.headers().get_all("link");
        links
            .map(|link| link.to_str().unwrap().to_owned())
            .collect()
    })
}

#[test]
fn fields_replace_same_names() {
    let config = json!({ "headers": { "Link": ["</a>", "</b>"] } });
    assert_eq!(links(config), ["</a>", "</b>"]);
    assert_eq!(links(json!({ "headers": { "link": "</c>" } })), ["</c>"]);
    assert_eq!(links(json!({})), ["</old>"]);
}

#[test]
fn invalid_field_error_has_key() {
    let cases = [
        (
            json!({ "bad name": "x" }),
            "headers.bad name",
            "\"bad name\" is not a header name",
        ),
        (
            json!({ "a": "x\r\nb: y" }),
            "headers.a",
            "\"x\\r\\nb: y\" can't be the value of a header",
        ),
        (
            json!({ "a": ["x", "\u{0}"] }),
            "headers.a[1]",
            "\"\\0\" can't be the value of a header",
        ),
        (
            json!({ "Content-Length": "3" }),
            "headers.Content-Length",
            "`content-length` can't be set here: the server sets it from the body",
        ),
        (
            json!({ "a": 1 }),
            "headers.a",
            "invalid type: integer `1`, expected a header's value: a string or a list of strings",
        ),
        (
            json!([]),
            "headers",
            "invalid type: sequence, expected a table of headers",
        ),
    ];
    for (fields, place, message) in cases {
        let error = testing::app::<Fixed>(json!({ "headers": fields }));
        let error = error.err().unwrap();
        assert_eq!(
            (error.place(), error.message()),
            (place, message),
            "{fields}"
        );
    }
}

#[test]
fn schema_allows_string_and_list() {
    let schema = schemars::schema_for!(Config).to_value();
    let fields = &schema["$defs"]["Fields"]["additionalProperties"]["anyOf"];
    assert_eq!(fields[0]["type"], "string");
    assert_eq!(fields[1]["items"]["type"], "string");
}
