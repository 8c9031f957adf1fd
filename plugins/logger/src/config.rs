//! The config of `logger`.

/// `[use.config]` of `logger`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// The format of a line.
    pub(crate) format: Format,
}

/// The format of a line.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The format of Rack's `CommonLogger`: Apache's common format with seconds.
    #[default]
    Common,
    /// Apache's combined format, with referer and user agent and without seconds.
    Combined,
    /// A JSON object.
    Json,
}
