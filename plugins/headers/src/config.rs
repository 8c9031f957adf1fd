//! The config of `headers`.

use std::collections::BTreeMap;

/// `[use.config]` of `headers`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// The same as `response.set`.
    pub(crate) set: Fields,
    /// The same as `response.append`.
    pub(crate) append: Fields,
    /// The same as `response.remove`.
    pub(crate) remove: Vec<String>,
    /// Changes to each request, for the layers below.
    pub(crate) request: Changes,
    /// Changes to each response.
    pub(crate) response: Changes,
}

/// Changes to the headers of a message, in this order: `remove`, `set`, `append`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Changes {
    /// Headers that replace those of the same name.
    pub(crate) set: Fields,
    /// Headers to add to those of the same name.
    pub(crate) append: Fields,
    /// Names of headers to remove.
    pub(crate) remove: Vec<String>,
}

pub(crate) type Fields = BTreeMap<String, Values>;

/// One value, or one for each line.
#[stackup_plugin::config]
#[serde(
    untagged,
    expecting = "a header's value is a string or a list of strings"
)]
pub enum Values {
    /// One value.
    One(String),
    /// One line for each.
    Many(Vec<String>),
}
