//! The config of `rewrite`.

/// `[use.config]` of `rewrite`.
#[stackup_plugin::config]
#[derive(Default)]
pub struct Config {
    /// The rules, tried in this order.
    pub(crate) rules: Vec<RuleConfig>,
}

/// A rule.
#[stackup_plugin::config]
pub struct RuleConfig {
    /// A regular expression for the path in canonical form: escapes in upper case, and only where they are needed.
    pub(crate) from: String,
    /// The new path: `$1` and `$name` are groups of `from` (also `${name}`, written `$${name}` in a
    /// manifest), `$$` is a dollar sign. With a `?` it also sets the query, which otherwise stays the same.
    pub(crate) to: String,
    /// The methods that the rule applies to; empty means all.
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    /// The hosts that the rule applies to, without ports; empty means all.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    /// 301, 302, 303, 307 or 308: redirects the client to `to`, which may then be a URL.
    pub(crate) redirect: Option<u16>,
    /// Whether to skip the following rules after this one has rewritten the path.
    #[serde(default = "yes")]
    pub(crate) last: bool,
}

fn yes() -> bool {
    true
}
