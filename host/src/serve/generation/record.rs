//! A reload, as it is remembered.

use serde::{Deserialize, Serialize};

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReloadOutcome {
    /// A new generation serves.
    Swapped,
    /// Nothing that matters has changed.
    Unchanged,
    /// What served goes on serving.
    Refused,
}

/// A reload, as it is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReloadRecord {
    /// Counts from 1, over all workers.
    pub number: u64,
    /// When it began, in milliseconds since the Unix epoch.
    pub at: u64,
    /// How it ended.
    pub outcome: ReloadOutcome,
    /// The generation that serves now.
    pub generation: u64,
    /// How long it took.
    pub milliseconds: f64,
    /// Stage and milliseconds, in order.
    pub stages: Vec<(String, f64)>,
    /// What the swap changed, a line each.
    pub changes: Vec<String>,
    /// Which instances were kept, built, retired.
    pub instances: String,
    /// How far it came, if it was refused.
    #[serde(default)]
    pub stage: Option<String>,
    /// Why it was refused.
    pub error: Option<String>,
}

impl ReloadRecord {
    /// The same without colours.
    #[must_use]
    pub fn plain(mut self) -> Self {
        let plain = |text: String| anstream::adapter::strip_str(&text).to_string();
        self.error = self.error.map(plain);
        self
    }
}
