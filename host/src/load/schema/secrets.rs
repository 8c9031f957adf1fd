//! What people are shown of a config: no secrets, and no variables filled in.
//!
//! A value is a secret if its handler's schema marks it, or if its key is on the list of names. The list is for handlers
//! that mark nothing, and for when no library is loaded yet.

use log_text::{HIDDEN, in_text, is_secret};
use serde_json::{Map, Value};

use super::marks::Marks;
use crate::load::manifest::Config;

/// Shorter values are not looked for in a text: they would be found everywhere.
const MIN_LENGTH: usize = 4;

/// A config as it is shown, with `${VAR}` where the manifest has it.
pub fn shown(config: &Config, schema: &Value) -> Map<String, Value> {
    table(config.written(), &Marks::new(schema))
}

/// `text` without the secrets of a config, and with `${VAR}` in place of what was filled in: for messages of a plugin,
/// which may quote its config.
pub fn censored(config: &Config, schema: &Value, text: &str) -> String {
    let mut found = Vec::new();
    let (given, written) = (config.values(), config.written());
    let marks = Marks::new(schema);
    for (key, value) in given {
        let written = written.get(key).unwrap_or(value);
        collect(value, written, &marks.key(key), is_secret(key), &mut found);
    }
    // The longest first: one may contain another.
    found.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    found.iter().fold(text.to_owned(), |text, (value, shown)| {
        text.replace(value.as_str(), shown)
    })
}

/// Whether the value at `path`, such as `users[2].password`, is a secret.
pub fn is_secret_at(schema: &Value, path: &str) -> bool {
    let mut marks = Marks::new(schema);
    let mut secret = false;
    for key in path.split('.').filter(|key| !key.is_empty()) {
        let mut parts = key.split('[');
        let name = parts.next().unwrap_or_default();
        if !name.is_empty() {
            marks = marks.key(name);
            secret |= is_secret(name);
        }
        for index in parts {
            marks = marks.item(index.trim_end_matches(']').parse().unwrap_or(0));
            secret |= marks.is_secret();
        }
        secret |= marks.is_secret();
    }
    secret || !path.is_empty() && marks.holds_secret()
}

fn table(written: &Map<String, Value>, marks: &Marks<'_>) -> Map<String, Value> {
    let each = written.iter().map(|(key, value)| {
        let marks = marks.key(key);
        (key.clone(), value_shown(value, &marks, is_secret(key)))
    });
    each.collect()
}

fn value_shown(written: &Value, marks: &Marks<'_>, named: bool) -> Value {
    let in_place_of_table = written.is_string() && marks.holds_secret();
    let secret = named || marks.is_secret() || in_place_of_table;
    match written {
        value if secret && !is_reference(value) => HIDDEN.into(),
        Value::String(text) => in_text(text).into(),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let shown = items.map(|(index, item)| value_shown(item, &marks.item(index), false));
            shown.collect()
        }
        Value::Object(keys) => Value::Object(table(keys, marks)),
        value => value.clone(),
    }
}

/// Whether the value is `${VAR}` and nothing else, or a list of such.
fn is_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let name = text
                .strip_prefix("${")
                .and_then(|text| text.strip_suffix('}'));
            name.is_some_and(|name| !name.contains(['$', '{', '}']))
        }
        Value::Array(items) => items.iter().all(is_reference),
        _ => false,
    }
}

/// Collects what a text may not quote, each with what is shown instead.
fn collect(
    given: &Value,
    written: &Value,
    marks: &Marks<'_>,
    named: bool,
    found: &mut Vec<(String, String)>,
) {
    let in_place_of_table = given.is_string() && marks.holds_secret();
    let secret = named || marks.is_secret() || in_place_of_table;
    let text = match given {
        Value::Object(keys) => {
            for (key, value) in keys {
                let written = written.get(key).unwrap_or(value);
                let named = secret || is_secret(key);
                collect(value, written, &marks.key(key), named, found);
            }
            return;
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let written = written.get(index).unwrap_or(value);
                collect(value, written, &marks.item(index), secret, found);
            }
            return;
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let shown = match written {
        written if secret && !is_reference(written) => HIDDEN.to_owned(),
        Value::String(written) => in_text(written).into_owned(),
        _ => return,
    };
    if shown == text || text.len() < MIN_LENGTH {
        return;
    }
    // As `{:?}` writes it.
    let quoted = text.escape_debug().to_string();
    if quoted != text {
        found.push((quoted, shown.clone()));
    }
    found.push((text, shown));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(values: Value, written: Value) -> Config {
        let map = |value| match value {
            Value::Object(map) => map,
            other => panic!("{other} is no table"),
        };
        Config::new(map(values), map(written))
    }

    fn schema() -> Value {
        json!({
            "$defs": {
                "Secret": { "type": "string", "writeOnly": true },
                "Login": { "properties": { "name": {}, "pin": { "writeOnly": true } } },
            },
            "properties": {
                "plain": { "additionalProperties": { "$ref": "#/$defs/Secret" } },
                "logins": { "items": { "$ref": "#/$defs/Login" } },
                "dsn": { "anyOf": [{ "$ref": "#/$defs/Secret" }, { "type": "null" }] },
                "loop": { "$ref": "#/properties/loop" },
            },
        })
    }

    #[test]
    fn marked_and_named_values_are_hidden_at_any_depth() {
        let values = json!({
            "plain": { "alice": "canary" },
            "logins": [{ "name": "bob", "pin": 4711 }],
            "dsn": "canary",
            "loop": 1,
            "Password": { "a": ["canary"] },
            "set": { "x-api-key": "canary", "x-order": "headers" },
            "url": "https://u:canary@host/?token=canary",
        });
        let expected = json!({
            "plain": { "alice": "[hidden]" },
            "logins": [{ "name": "bob", "pin": "[hidden]" }],
            "dsn": "[hidden]",
            "loop": 1,
            "Password": "[hidden]",
            "set": { "x-api-key": "[hidden]", "x-order": "headers" },
            "url": "https://[hidden]@host/?token=[hidden]",
        });
        let config = config(values.clone(), values);
        assert_eq!(Value::Object(shown(&config, &schema())), expected);
        for (path, secret) in [
            ("plain.alice", true),
            ("plain", true),
            ("logins[0].pin", true),
            ("logins[0].name", false),
            ("Password.a[0]", true),
            ("set.x-order", false),
            ("", false),
        ] {
            assert_eq!(is_secret_at(&schema(), path), secret, "{path}");
        }
    }

    #[test]
    fn string_in_place_of_a_table_of_secrets_is_hidden() {
        let values = json!({ "plain": "canary", "logins": "canary", "loop": "shown" });
        let config = config(values.clone(), values);
        let expected = json!({ "plain": "[hidden]", "logins": "[hidden]", "loop": "shown" });
        assert_eq!(Value::Object(shown(&config, &schema())), expected);
        assert_eq!(
            censored(&config, &schema(), "no table: canary"),
            "no table: [hidden]"
        );
    }

    #[test]
    fn variables_are_shown_as_written() {
        let values = json!({ "secrets": ["canary-1"], "to": "https://canary-2/x", "password": "p-canary-3" });
        let written =
            json!({ "secrets": ["${KEY}"], "to": "https://${HOST}/x", "password": "p-${P}" });
        let config = config(values, written);
        let expected =
            json!({ "secrets": ["${KEY}"], "to": "https://${HOST}/x", "password": "[hidden]" });
        assert_eq!(Value::Object(shown(&config, &json!({}))), expected);
        let text = "bad \"https://canary-2/x\", canary-1, p-canary-3";
        let said = censored(&config, &json!({}), text);
        assert_eq!(said, "bad \"https://${HOST}/x\", ${KEY}, [hidden]");
        assert!(!format!("{config:?}").contains("canary"));
    }

    #[test]
    fn message_is_censored_also_where_it_quotes() {
        let values = json!({ "plain": { "a": "can\"ary", "b": "can\"ary-longer", "c": "abc" } });
        let config = config(values.clone(), values);
        let text = format!("{:?} can\"ary-longer can\"ary abc", "can\"ary");
        let said = censored(&config, &schema(), &text);
        assert_eq!(said, "\"[hidden]\" [hidden] [hidden] abc");
    }
}
