//! The config of `method-override`.

use stackup_plugin::{Error, Method, Result};

/// `[use.config]` of `method-override`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The methods that can be overridden.
    pub(crate) methods: Vec<String>,
    /// The methods that can replace them.
    pub(crate) overrides: Vec<String>,
    /// How many bytes of a form to read; a field after them is not found.
    pub(crate) max_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        let overrides = "GET HEAD PUT POST DELETE OPTIONS PATCH LINK UNLINK QUERY";
        Self {
            methods: vec!["POST".to_owned()],
            overrides: overrides.split(' ').map(ToOwned::to_owned).collect(),
            max_bytes: 64 * 1024,
        }
    }
}

/// Parses a method of the config.
pub(crate) fn method(key: &str, name: &str) -> Result<Method> {
    let upper = name.bytes().all(|byte| !byte.is_ascii_lowercase());
    let method = Method::from_bytes(name.as_bytes()).ok().filter(|_| upper);
    // Apps don't handle these two: one opens a tunnel, the other echoes what proxies have added.
    let method = method.filter(|method| *method != Method::CONNECT && *method != Method::TRACE);
    method.ok_or_else(|| {
        let message = format!("{name:?} is not a method for apps such as \"PUT\"");
        Error::config(key, message)
    })
}
