//! What `force-ssl` is told.

use by_https::Hsts;

/// `[use.config]` of `force-ssl`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The host of the https server; that of the request if there is none.
    pub(crate) host: Option<String>,
    /// Its port.
    pub(crate) port: u16,
    /// Paths, and all below them, that are served without https, too.
    pub(crate) exclude: Vec<String>,
    /// Addresses and networks whose `x-forwarded-proto` is believed.
    pub(crate) trusted_proxies: Vec<String>,
    /// `strict-transport-security` (RFC 6797).
    pub(crate) hsts: Hsts,
    /// Whether each cookie that is set becomes `secure`.
    pub(crate) secure_cookies: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            port: 443,
            exclude: Vec::new(),
            trusted_proxies: Vec::new(),
            hsts: Hsts::default(),
            secure_cookies: true,
        }
    }
}
