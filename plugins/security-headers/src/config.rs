//! The config of `security-headers`.

use std::collections::BTreeMap;

use by_https::Hsts;
use stackup_plugin::{Error, HeaderName, HeaderValue, Result, header};

/// Sends no such header.
const OFF: &str = "off";

/// `[use.config]` of `security-headers`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// `content-security-policy`: directives with their sources.
    pub(crate) csp: BTreeMap<String, Vec<String>>,
    /// The directives that also get a nonce, which is `csp.nonce` in the env.
    pub(crate) csp_nonce: Vec<String>,
    /// Whether browsers only report violations.
    pub(crate) csp_report_only: bool,
    /// `strict-transport-security` (RFC 6797), over https only.
    hsts: Hsts,
    /// Must be empty: `[server] trusted_proxies` of the manifest names the proxies.
    pub(crate) trusted_proxies: Vec<String>,
    /// `x-content-type-options`, or `off`.
    content_type_options: String,
    /// `x-frame-options`, or `off`.
    frame_options: String,
    /// `referrer-policy`, or `off`.
    referrer_policy: String,
    /// `permissions-policy`, or `off`.
    permissions_policy: String,
    /// `cross-origin-opener-policy`, or `off`.
    opener_policy: String,
    /// `cross-origin-resource-policy`, or `off`.
    resource_policy: String,
    /// `cross-origin-embedder-policy`, or `off`.
    embedder_policy: String,
}

impl Default for Config {
    fn default() -> Self {
        // A policy that breaks hardly any page.
        let csp = [
            ("base-uri", "'self'"),
            ("frame-ancestors", "'self'"),
            ("object-src", "'none'"),
        ];
        let csp = csp.map(|(name, source)| (name.to_owned(), vec![source.to_owned()]));
        Self {
            csp: csp.into(),
            csp_nonce: Vec::new(),
            csp_report_only: false,
            hsts: Hsts::default(),
            trusted_proxies: Vec::new(),
            content_type_options: "nosniff".to_owned(),
            frame_options: "SAMEORIGIN".to_owned(),
            referrer_policy: "strict-origin-when-cross-origin".to_owned(),
            permissions_policy: OFF.to_owned(),
            opener_policy: "same-origin".to_owned(),
            resource_policy: "same-origin".to_owned(),
            embedder_policy: OFF.to_owned(),
        }
    }
}

impl Config {
    pub(crate) fn hsts(&self) -> Result<Option<HeaderValue>> {
        self.hsts.header()
    }

    /// The headers that are the same on each response.
    pub(crate) fn fixed(&self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let name = HeaderName::from_static;
        let all = [
            (
                "content_type_options",
                header::X_CONTENT_TYPE_OPTIONS,
                &self.content_type_options,
            ),
            (
                "frame_options",
                header::X_FRAME_OPTIONS,
                &self.frame_options,
            ),
            (
                "referrer_policy",
                header::REFERRER_POLICY,
                &self.referrer_policy,
            ),
            (
                "permissions_policy",
                name("permissions-policy"),
                &self.permissions_policy,
            ),
            (
                "opener_policy",
                name("cross-origin-opener-policy"),
                &self.opener_policy,
            ),
            (
                "resource_policy",
                name("cross-origin-resource-policy"),
                &self.resource_policy,
            ),
            (
                "embedder_policy",
                name("cross-origin-embedder-policy"),
                &self.embedder_policy,
            ),
        ];
        let sent = all.into_iter().filter(|(_, _, value)| *value != OFF);
        sent.map(|(key, name, value)| match HeaderValue::from_str(value) {
            Ok(field) if !value.is_empty() => Ok((name, field)),
            _ => Err(Error::config(
                key,
                "not a valid header value; use \"off\" to send none",
            )),
        })
        .collect()
    }
}
