//! What browsers are told (RFC 6797).

use stackup_plugin::{Error, HeaderValue, Result};

/// For how long browsers are to use https without being asked to.
#[stackup_plugin::config]
#[serde(default)]
pub struct Hsts {
    /// In seconds; 0 makes them forget it.
    max_age: u64,
    /// Whether hosts below this one are meant, too.
    include_subdomains: bool,
    /// Whether browsers may be shipped with it.
    preload: bool,
    /// Whether the header is sent.
    enabled: bool,
}

impl Default for Hsts {
    fn default() -> Self {
        Self {
            // A year.
            max_age: 31_536_000,
            include_subdomains: false,
            preload: false,
            enabled: true,
        }
    }
}

impl Hsts {
    /// The header; none if it is not sent.
    ///
    /// # Errors
    ///
    /// What browsers would not take, at the key `hsts`.
    pub fn header(&self) -> Result<Option<HeaderValue>> {
        if !self.enabled {
            return Ok(None);
        }
        if self.preload && !self.include_subdomains {
            let message = "browsers preload no host without `include_subdomains`";
            return Err(Error::config("hsts.preload", message));
        }
        let mut value = format!("max-age={}", self.max_age);
        if self.include_subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        Ok(Some(HeaderValue::try_from(value)?))
    }
}
