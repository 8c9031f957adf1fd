//! What `logger` is told.

/// `[use.config]` of `logger`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// What a line looks like.
    pub(crate) format: Format,
}

/// What a line looks like.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// That of Rack's `CommonLogger`: Apache's common format, and seconds.
    #[default]
    Common,
    /// Apache's combined format: where the client came from and what it is, no seconds.
    Combined,
    /// An object with a key for each.
    Json,
}
