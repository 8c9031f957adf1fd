//! What `method-override` is told.

use stackup_plugin::{Error, Method, Result};

/// `[use.config]` of `method-override`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The methods in whose place another may come.
    pub(crate) methods: Vec<String>,
    /// The methods that may come in their place.
    pub(crate) overrides: Vec<String>,
    /// How much of a form is looked at; a field that ends later is not seen.
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

/// A method of the config.
pub(crate) fn method(key: &str, name: &str) -> Result<Method> {
    let upper = name.bytes().all(|byte| !byte.is_ascii_lowercase());
    let method = Method::from_bytes(name.as_bytes()).ok().filter(|_| upper);
    // These two are no requests of an app: a tunnel, and an echo of all that proxies have added.
    let method = method.filter(|method| *method != Method::CONNECT && *method != Method::TRACE);
    method.ok_or_else(|| {
        let message = format!("{name:?} is not a method that an app answers, such as \"PUT\"");
        Error::config(key, message)
    })
}
