//! Checks a config against its handler's schema.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::collector::ViolationCollector;
use super::secrets::is_secret_at;

/// Something in a config that the schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where in the config, such as `users[2].name`. Empty for the whole config.
    pub path: String,
    /// Whether the key or the value violates the schema.
    pub part: EntryPart,
    /// What is wrong, in one line. Never quotes a value, which may be secret.
    pub message: String,
    /// The label for the underline.
    pub label: String,
    /// What is allowed, if that takes more than a label.
    pub note: Option<String>,
    /// Whether the value is a secret.
    #[serde(default)]
    pub secret: bool,
}

/// Which part of an entry a violation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryPart {
    /// Its key.
    Key,
    /// Its value.
    Value,
}

/// Parses the config schema that a handler exports.
///
/// # Errors
///
/// If the text is not JSON.
pub fn of_config(text: &str) -> serde_json::Result<Value> {
    let schema: Value = serde_json::from_str(text)?;
    // A handler without config has the schema of `()`, which no table matches.
    Ok(match schema["type"] == "null" {
        true => json!({ "type": "object", "maxProperties": 0 }),
        false => schema,
    })
}

/// Every violation of `schema` in `config`.
///
/// # Errors
///
/// If the schema is invalid.
pub fn violations(schema: &Value, config: &Value) -> Result<Vec<Violation>, String> {
    let validator = jsonschema::draft202012::new(schema).map_err(|error| error.to_string())?;
    let mut violations = ViolationCollector::new(schema, config);
    for error in validator.iter_errors(config) {
        violations.add(&error);
    }
    let mut found = violations.found;
    for violation in &mut found {
        violation.secret = is_secret_at(schema, &violation.path);
    }
    Ok(found)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
