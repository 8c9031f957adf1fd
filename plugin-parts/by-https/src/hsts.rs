//! `strict-transport-security` (RFC 6797).

use stackup_plugin::{Error, HeaderValue, Result};

/// How long browsers use https for this host on their own.
#[stackup_plugin::config]
#[serde(default)]
pub struct Hsts {
    /// In seconds; 0 makes browsers forget it.
    max_age: u64,
    /// Whether it applies to subdomains, too.
    include_subdomains: bool,
    /// Whether browsers may add the host to their preload lists.
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
    /// The header's value; none if disabled.
    ///
    /// # Errors
    ///
    /// Settings that browsers reject; the error points at the key in `hsts`.
    pub fn header(&self) -> Result<Option<HeaderValue>> {
        if !self.enabled {
            return Ok(None);
        }
        if self.preload && !self.include_subdomains {
            let message = "browsers only preload a host with `include_subdomains`";
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
