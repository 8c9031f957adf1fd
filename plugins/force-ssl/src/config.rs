//! The config of `force-ssl`.

use by_https::Hsts;
use stackup_plugin::path::PathList;

/// `[use.config]` of `force-ssl`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The host of the https server; by default the request's.
    pub(crate) host: Option<String>,
    /// Its port.
    pub(crate) port: u16,
    /// Paths that are also served over http, with everything below them.
    pub(crate) exclude: PathList,
    /// Must be empty: `[server] trusted_proxies` of the manifest names the proxies.
    pub(crate) trusted_proxies: Vec<String>,
    /// `strict-transport-security` (RFC 6797).
    pub(crate) hsts: Hsts,
    /// Whether `secure` is added to each cookie.
    pub(crate) secure_cookies: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            port: 443,
            exclude: PathList::default(),
            trusted_proxies: Vec::new(),
            hsts: Hsts::default(),
            secure_cookies: true,
        }
    }
}
