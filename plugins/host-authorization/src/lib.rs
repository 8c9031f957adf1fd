//! A middleware that only admits requests for known hosts: Rails' `HostAuthorization`.

#![forbid(unsafe_code)]

mod config;
mod hosts;

use stackup_plugin::{
    Context, Middleware, Next, Request, Response, Result, StatusCode, header, tracing,
};

pub use self::config::Config;
use self::hosts::Hosts;

/// Only admits requests for known hosts.
pub struct HostAuthorization {
    hosts: Hosts,
    exclude: Vec<String>,
}

impl Middleware for HostAuthorization {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Ok(Self {
            hosts: config.hosts(cx.environment())?,
            exclude: config.exclude,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        if self.is_excluded(req.path()) || self.is_for_known_host(&req) {
            return next.run(req).await;
        }
        let host = req.header(header::HOST).unwrap_or_default();
        tracing::warn!(host, "refused a request for a host that is not in `hosts`");
        // RFC 9110 §15.5.20. The page does not repeat the name, which an attacker may have chosen.
        Ok(Response::new(StatusCode::MISDIRECTED_REQUEST))
    }
}

impl HostAuthorization {
    /// Whether every host name that a layer below may read is known.
    fn is_for_known_host(&self, req: &Request) -> bool {
        let mut names: Vec<&str> = Vec::new();
        for name in [header::HOST.as_str(), "x-forwarded-host"] {
            for field in req.headers().get_all(name) {
                match field.to_str() {
                    // Proxies add their own; apps differ in which one they use.
                    Some(text) => names.extend(text.split(',').map(str::trim)),
                    None => return false,
                }
            }
        }
        let uri = req.uri();
        // The host of an absolute-form target takes precedence over `host` (RFC 9112 §3.2.2).
        names.extend(uri.authority().map(|authority| authority.as_str()));
        !names.is_empty() && names.iter().all(|name| self.hosts.contain(name))
    }

    /// Compares whole segments of the path as received.
    fn is_excluded(&self, path: &str) -> bool {
        self.exclude
            .iter()
            .any(|excluded| match path.strip_prefix(excluded.as_str()) {
                Some(rest) => rest.is_empty() || rest.starts_with('/'),
                None => false,
            })
    }
}

stackup_plugin::export!(middleware HostAuthorization as "host-authorization");

#[cfg(test)]
mod tests;
