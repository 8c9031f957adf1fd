//! A middleware that sets the headers that protect a site in browsers.

#![forbid(unsafe_code)]

mod config;
mod csp;

use by_https::refuse_proxies;
use stackup_plugin::{
    Context, HeaderName, HeaderValue, Middleware, Next, Request, Response, Result, StatusCode,
    header,
};

pub use self::config::Config;
use self::csp::{Csp, Nonce};

/// Sets the headers that protect a site in browsers.
pub struct SecurityHeaders {
    csp: Csp,
    hsts: Option<HeaderValue>,
    /// The headers that are the same on each response.
    fixed: Vec<(HeaderName, HeaderValue)>,
}

impl Middleware for SecurityHeaders {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        refuse_proxies(&config.trusted_proxies)?;
        Ok(Self {
            hsts: config.hsts()?,
            fixed: config.fixed()?,
            csp: Csp::new(config)?,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let secure = req.scheme() == "https";
        let nonce = self.csp.nonce()?;
        if let Some(nonce) = &nonce {
            req.env_mut().set("csp.nonce", nonce);
        }
        let mut res = next.run(req).await?;
        self.set_on(&mut res, nonce.as_ref(), secure)?;
        Ok(res)
    }
}

impl SecurityHeaders {
    /// Sets the headers that the layers below have not set.
    fn set_on(&self, res: &mut Response, nonce: Option<&Nonce>, secure: bool) -> Result<()> {
        for (name, value) in &self.fixed {
            set(res, name, value)?;
        }
        // Not over http, where an attacker could set it, too (RFC 6797 §7.2).
        if let Some(hsts) = self.hsts.as_ref().filter(|_| secure) {
            set(res, &header::STRICT_TRANSPORT_SECURITY, hsts)?;
        }
        // The stored page of a 304 has an older nonce, and would get this response's header (RFC 9111 §3.2).
        let stands = nonce.is_none() || res.status() != StatusCode::NOT_MODIFIED;
        if let Some((name, value)) = self.csp.header(nonce)?.filter(|_| stands) {
            set(res, &name, &value)?;
        }
        Ok(())
    }
}

fn set(res: &mut Response, name: &HeaderName, value: &HeaderValue) -> Result<()> {
    if !res.headers().contains(name) {
        res.headers_mut().insert(name, value)?;
    }
    Ok(())
}

stackup_plugin::export!(middleware SecurityHeaders as "security-headers");

#[cfg(test)]
mod tests;
