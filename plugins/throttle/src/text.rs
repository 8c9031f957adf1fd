//! What a condition demands of a text: of a header, a cookie, an env value.

use regex::Regex;
use stackup_plugin::{Error, Result};

use crate::config::TextConfig;

/// What a condition demands of the values with one name.
#[derive(Debug)]
pub(crate) enum Demand {
    /// There is one (`true`), or none.
    Presence(bool),
    /// One of them is this.
    Is(String),
    /// One of them matches.
    Matches(Regex),
}

impl Demand {
    /// `key` is where it stands in the config.
    pub(crate) fn new(config: TextConfig, key: &str) -> Result<Self> {
        Ok(match config {
            TextConfig::Presence(present) => Self::Presence(present),
            TextConfig::Is(text) => Self::Is(text),
            TextConfig::Matches { regex } => {
                Self::Matches(compile(&regex, &format!("{key}.regex"))?)
            }
        })
    }

    /// Whether the values meet it. Those that are no text count as present, and match nothing.
    pub(crate) fn met_by<'a>(&self, mut values: impl Iterator<Item = Option<&'a str>>) -> bool {
        match self {
            Self::Presence(present) => values.next().is_some() == *present,
            Self::Is(text) => values.flatten().any(|value| value == text),
            Self::Matches(regex) => values.flatten().any(|value| regex.is_match(value)),
        }
    }
}

pub(crate) fn compile(regex: &str, key: &str) -> Result<Regex> {
    Regex::new(regex).map_err(|error| Error::config(key, error))
}
