//! A status as a person reads it.

use serde_json::Value;

/// The text of a status.
pub fn shown(status: &Value) -> String {
    serde_json::to_string_pretty(status).unwrap_or_default()
}
