use serde_json::{Value, json};
use stackup_plugin::schemars::{self, JsonSchema, schema_for};

use super::*;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "for its schema alone")]
struct Config {
    to: String,
    #[schemars(default)]
    status: u16,
    #[schemars(default)]
    ratio: f64,
    when: Option<Room>,
    #[schemars(default)]
    mode: Mode,
    #[schemars(default)]
    rooms: Vec<Room>,
    #[schemars(default)]
    by_number: std::collections::BTreeMap<String, u8>,
    store: Option<Store>,
    kind: Option<Kind>,
    word: Option<Word>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "for its schema alone")]
struct Room {
    doors: u8,
    #[schemars(length(min = 1, max = 3))]
    name: Option<String>,
}

/// Documented, so that each is a `const` of its own.
#[derive(Default, JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "for its schema alone")]
enum Mode {
    /// One.
    #[default]
    Strict,
    /// Another.
    Lax,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "for its schema alone")]
enum Word {
    Up,
    Down,
}

#[derive(JsonSchema)]
#[schemars(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
#[expect(dead_code, reason = "for its schema alone")]
enum Store {
    File { path: String },
    Memory { entries: u32 },
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "for its schema alone")]
enum Kind {
    Plain,
    Sized { bytes: u32 },
    Timed { seconds: u32 },
}

/// The violations, each as `path @part: message | label`.
fn rendered(config: Value) -> Vec<String> {
    let schema = schema_for!(Config).to_value();
    let found = violations(&schema, &config).unwrap();
    let line = |v: &Violation| {
        let part = if v.part == EntryPart::Key {
            "key"
        } else {
            "value"
        };
        format!("{} @{part}: {} | {}", v.path, v.message, v.label)
    };
    found.iter().map(line).collect()
}

#[track_caller]
fn one(config: Value, expected: &str) {
    assert_eq!(rendered(config), [expected]);
}

#[test]
fn valid_config_has_no_violations() {
    for config in [
        json!({ "to": "/" }),
        json!({ "to": "/", "status": 301, "ratio": 1, "when": { "doors": 2 }, "mode": "lax" }),
        json!({ "to": "/", "store": { "type": "memory", "entries": 1 }, "kind": "plain" }),
        json!({ "to": "/", "kind": { "sized": { "bytes": 1 } }, "word": "up" }),
    ] {
        assert_eq!(rendered(config), [""; 0]);
    }
}

#[test]
fn all_violations_are_reported() {
    let config = json!({ "too": "/", "status": "x", "rooms": [{ "doors": 1 }, { "door": 2 }] });
    let mut told = rendered(config);
    told.sort();
    assert_eq!(
        told,
        [
            " @value: missing key `to` | `to` is required",
            "rooms[1] @value: missing key `doors` in `rooms[1]` | `doors` is required",
            "rooms[1].door @key: unknown key `door` in `rooms[1]` | did you mean `doors`?",
            "status @value: `status` must be an integer | this is a string",
            "too @key: unknown key `too` | did you mean `to`?",
        ]
    );
}

#[test]
fn unknown_key_lists_known_keys() {
    let schema = schema_for!(Room).to_value();
    let found = violations(&schema, &json!({ "doors": 1, "zzz": 1 })).unwrap();
    assert_eq!(
        found[0].note.as_deref(),
        Some("valid here: `doors` and `name`")
    );
}

#[test]
fn out_of_range_value_reports_bounds() {
    one(
        json!({ "to": "", "status": 70_000 }),
        "status @value: `status` is out of range | allowed: 0 to 65535",
    );
    one(
        json!({ "to": "", "rooms": [{ "doors": 1, "name": "long" }] }),
        "rooms[0].name @value: `rooms[0].name` is too long | allowed: at most 3 characters",
    );
}

#[test]
fn numeric_key_is_not_an_index() {
    one(
        json!({ "to": "", "by_number": { "404": "x" } }),
        "by_number.404 @value: `by_number.404` must be an integer | this is a string",
    );
}

#[test]
fn optional_value_reports_expected_type() {
    one(
        json!({ "to": "", "when": { "doors": true } }),
        "when.doors @value: `when.doors` must be an integer | this is a boolean",
    );
    one(
        json!({ "to": "", "when": 1.5 }),
        "when @value: `when` must be a table | this is a float",
    );
}

#[test]
fn unknown_word_suggests_nearest() {
    one(
        json!({ "to": "", "mode": "laks" }),
        "mode @value: `mode` must be \"strict\" or \"lax\" | none of these",
    );
    one(
        json!({ "to": "", "mode": "lx" }),
        "mode @value: `mode` must be \"strict\" or \"lax\" | did you mean \"lax\"?",
    );
    one(
        json!({ "to": "", "word": "upp" }),
        "word @value: `word` must be \"up\" or \"down\" | did you mean \"up\"?",
    );
    one(
        json!({ "to": "", "mode": 1 }),
        "mode @value: `mode` must be \"strict\" or \"lax\" | this is an integer",
    );
}

#[test]
fn tag_selects_variant() {
    one(
        json!({ "to": "", "store": { "type": "memory", "entries": "x" } }),
        "store.entries @value: `store.entries` must be an integer | this is a string",
    );
    one(
        json!({ "to": "", "store": { "type": "mamory", "entries": 1 } }),
        "store.type @value: `store.type` must be \"file\" or \"memory\" | did you mean \"memory\"?",
    );
    one(
        json!({ "to": "", "kind": { "sized": { "bytes": "x" } } }),
        "kind.sized.bytes @value: `kind.sized.bytes` must be an integer | this is a string",
    );
    one(
        json!({ "to": "", "kind": "plane" }),
        "kind @value: `kind` must be \"plain\" or a table | none of these",
    );
}

#[test]
fn unit_schema_rejects_any_config() {
    let schema = of_config(&serde_json::to_string(&schema_for!(())).unwrap()).unwrap();
    assert_eq!(violations(&schema, &json!({})).unwrap(), []);
    let found = violations(&schema, &json!({ "a": 1 })).unwrap();
    assert_eq!(found[0].message, "this handler takes no config");
}

#[test]
fn invalid_schema_is_an_error() {
    assert!(violations(&json!({ "type": "strange" }), &json!({})).is_err());
}
