//! What `rewrite` is told.

/// `[use.config]` of `rewrite`.
#[stackup_plugin::config]
#[derive(Default)]
pub struct Config {
    /// The rules, in the order in which they are tried.
    pub(crate) rules: Vec<RuleConfig>,
}

/// A rule.
#[stackup_plugin::config]
pub struct RuleConfig {
    /// A regular expression for the path as it came, undecoded.
    pub(crate) from: String,
    /// What the whole path becomes: `$1` and `$name` are groups of `from` (also `${name}`, which a
    /// manifest writes `$${name}`), `$$` is a dollar. With a `?` also the
    /// query, else that stays.
    pub(crate) to: String,
    /// Methods for which the rule is; all of them if there are none.
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    /// Hosts for which the rule is, without ports; all of them if there are none.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    /// 301, 302, 303, 307 or 308: the client is sent to `to`, which may be a URL.
    pub(crate) redirect: Option<u16>,
    /// Whether the rules after this one are left out when it has rewritten.
    #[serde(default = "yes")]
    pub(crate) last: bool,
}

fn yes() -> bool {
    true
}
