//! Config and header values to hide, for instance on a shared screen.

use serde_json::Value;

/// Parts of names whose values are hidden, in lower case with `_` between words.
pub const PARTS: [&str; 10] = [
    "authorization",
    "cookie",
    "credential",
    "password",
    "private",
    "secret",
    "session",
    "token",
    "api_key",
    // `basic-auth` keeps its hashes below this key.
    "users",
];

/// Shown instead of such a value.
pub const HIDDEN: &str = "[hidden]";

/// Whether the value of this name is hidden.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    PARTS.iter().any(|part| name.contains(part))
}

/// `value` with every secret in it hidden, at any depth.
pub fn hide(value: &Value) -> Value {
    match value {
        Value::Object(values) => {
            let each = values.iter().map(|(name, value)| match is_secret(name) {
                true => (name.clone(), HIDDEN.into()),
                false => (name.clone(), hide(value)),
            });
            Value::Object(each.collect())
        }
        Value::Array(values) => values.iter().map(hide).collect(),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secret_values_are_hidden_at_any_depth() {
        for name in [
            "Authorization",
            "HTTP_SET_COOKIE",
            "x-api-key",
            "rack.session",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["accept", "path", "key", "author"] {
            assert!(!is_secret(name), "{name}");
        }
        let config = json!({ "a": [{ "secrets": ["x"], "b": 1 }], "Password": { "c": 2 } });
        let shown = json!({ "a": [{ "secrets": HIDDEN, "b": 1 }], "Password": HIDDEN });
        assert_eq!(hide(&config), shown);
    }
}
