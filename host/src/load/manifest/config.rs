//! The config of a directive.

use std::fmt;

use serde_json::{Map, Value};

/// The config of a directive, in written order. Two configs are equal if their handlers get the same.
#[derive(Clone, Default)]
pub struct Config {
    values: Map<String, Value>,
    written: Map<String, Value>,
}

impl Config {
    /// A config with these values; `written` is the same before variables were filled in.
    pub fn new(values: Map<String, Value>, written: Map<String, Value>) -> Self {
        Self { values, written }
    }

    /// What the handler gets: with variables filled in. Never to be shown, see
    /// [`shown`](crate::load::schema::shown).
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The same as the manifest has it, with `${VAR}`.
    pub fn written(&self) -> &Map<String, Value> {
        &self.written
    }

    /// The JSON object that the handler gets.
    pub fn to_json(&self) -> String {
        Value::Object(self.values.clone()).to_string()
    }
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Eq for Config {}

/// The keys alone: a value may be a secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}
