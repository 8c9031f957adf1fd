//! What a config violates of its handler's schema.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::collector::ViolationCollector;

/// Something in a config that the schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where in the config, such as `users[2].name`; empty for all of it.
    pub path: String,
    /// What of it is meant.
    pub part: EntryPart,
    /// What is wrong, in one line. Quotes no value: it may be a secret.
    pub message: String,
    /// A few words to stand beside it.
    pub label: String,
    /// What would be right, if that is more than a few words.
    pub note: Option<String>,
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

/// The schema of a handler's config, of the text that the handler gives.
///
/// # Errors
///
/// When the text is no JSON.
pub fn of_config(text: &str) -> serde_json::Result<Value> {
    let schema: Value = serde_json::from_str(text)?;
    // A handler that takes no config says so by `()`, which a table can never be.
    Ok(match schema["type"] == "null" {
        true => json!({ "type": "object", "maxProperties": 0 }),
        false => schema,
    })
}

/// All that `config` violates of `schema`.
///
/// # Errors
///
/// When the schema is none.
pub fn violations(schema: &Value, config: &Value) -> Result<Vec<Violation>, String> {
    let validator = jsonschema::draft202012::new(schema).map_err(|error| error.to_string())?;
    let mut misfits = ViolationCollector::new(schema, config);
    for error in validator.iter_errors(config) {
        misfits.add(&error);
    }
    Ok(misfits.found)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
