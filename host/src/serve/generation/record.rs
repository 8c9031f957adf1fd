//! The record of a reload, for `stackup status` and the inspector.

use serde::{Deserialize, Serialize};

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReloadOutcome {
    /// A new generation serves.
    Swapped,
    /// Nothing that affects the stack has changed.
    Unchanged,
    /// The candidate was refused: the active generation keeps serving.
    Refused,
}

impl ReloadOutcome {
    /// Its name in JSON and in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Swapped => "swapped",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// The record of a reload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReloadRecord {
    /// Counts from 1, over all workers.
    pub number: u64,
    /// When it started, in milliseconds since the Unix epoch.
    pub at: u64,
    /// How it ended.
    pub outcome: ReloadOutcome,
    /// The active generation after it.
    pub generation: u64,
    /// How long it took.
    pub milliseconds: f64,
    /// Stage and milliseconds, in order.
    pub stages: Vec<(String, f64)>,
    /// What the swap changed in the stack, one line each.
    pub changes: Vec<String>,
    /// The instances that were kept, built and retired.
    pub instances: String,
    /// The stage that refused it, if one did.
    #[serde(default)]
    pub stage: Option<String>,
    /// Why it was refused, if it was.
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
