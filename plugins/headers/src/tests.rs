use stackup_plugin::testing::{self, Json, block_on, get, json};
use stackup_plugin::{Response, StatusCode};

use super::*;

/// The headers of the response to a request whose headers come back as `got-…`.
fn answer(config: Json) -> Vec<String> {
    block_on(async {
        let headers = testing::middleware::<Headers>(config).unwrap();
        let below = async |req: Request| {
            let mut res = Response::new(StatusCode::OK);
            for (name, value) in req.headers().iter() {
                res.headers_mut()
                    .append(format!("got-{name}"), value)
                    .unwrap();
            }
            res.with_header("server", "app").unwrap()
        };
        let res = headers
            .call(get("/").header("cookie", "a"), below)
            .await
            .unwrap();
        let line = |(name, value): (&str, stackup_plugin::Value<'_>)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        let mut lines: Vec<_> = res.headers().iter().map(line).collect();
        lines.sort();
        lines
    })
}

fn refusal(config: Json) -> (String, String) {
    let error = testing::middleware::<Headers>(config).err().unwrap();
    (error.place().to_owned(), error.message().to_owned())
}

#[test]
fn top_level_changes_the_response() {
    let config = json!({ "set": { "X-Frame-Options": "DENY" }, "remove": ["Server"] });
    assert_eq!(answer(config), ["got-cookie: a", "x-frame-options: DENY"]);
}

#[test]
fn set_replaces_and_append_adds() {
    let config = json!({ "response": {
        "set": { "server": ["one", "two"] },
        "append": { "server": "three" },
    } });
    assert_eq!(
        answer(config),
        [
            "got-cookie: a",
            "server: one",
            "server: three",
            "server: two"
        ]
    );
}

#[test]
fn shorthand_and_response_add_up() {
    let config =
        json!({ "append": { "server": "b" }, "response": { "append": { "server": "c" } } });
    assert_eq!(
        answer(config),
        ["got-cookie: a", "server: app", "server: b", "server: c"]
    );
}

#[test]
fn response_overrules_the_shorthand() {
    let config = json!({ "set": { "server": "b" }, "response": { "set": { "Server": "c" } } });
    assert_eq!(answer(config), ["got-cookie: a", "server: c"]);
}

#[test]
fn request_is_changed_for_the_layers_below() {
    let config = json!({ "request": { "remove": ["cookie"], "set": { "x-via": "stackup" } } });
    assert_eq!(answer(config), ["got-x-via: stackup", "server: app"]);
}

#[test]
fn empty_config_changes_nothing() {
    assert_eq!(answer(json!({})), ["got-cookie: a", "server: app"]);
}

#[test]
fn error_points_at_the_key() {
    let cases = [
        (
            json!({ "response": { "set": { "bad name": "x" } } }),
            "response.set.bad name",
            "\"bad name\" is not a header name",
        ),
        (
            json!({ "request": { "remove": ["a", "b:"] } }),
            "request.remove[1]",
            "\"b:\" is not a header name",
        ),
        (
            json!({ "append": { "a": ["x", "y\n"] } }),
            "append.a[1]",
            "\"y\\n\" can't be the value of a header",
        ),
        (
            json!({ "set": { "a": "\u{0}" } }),
            "set.a",
            "\"\\0\" can't be the value of a header",
        ),
        (
            json!({ "set": { "Content-Length": "1" } }),
            "set.Content-Length",
            "the server sets `content-length` itself, from the body",
        ),
        (
            json!({ "set": { "a": 1 } }),
            "set.a",
            "a header's value is a string or a list of strings",
        ),
    ];
    for (config, place, message) in cases {
        assert_eq!(refusal(config), (place.to_owned(), message.to_owned()));
    }
}

#[test]
fn unknown_key_is_refused() {
    let (place, message) = refusal(json!({ "response": { "sett": {} } }));
    assert_eq!(place, "response.sett");
    assert!(
        message.starts_with("unknown field `sett`, expected one of"),
        "{message}"
    );
}
