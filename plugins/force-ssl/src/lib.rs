//! A middleware that redirects http to https.

#![forbid(unsafe_code)]

mod config;
mod target;

use by_https::refuse_proxies;
use stackup_plugin::path::PathList;
use stackup_plugin::{
    Context, HeaderValue, Method, Middleware, Next, Request, Response, Result, StatusCode, header,
};

pub use self::config::Config;
use self::target::Target;

/// Redirects http to https.
pub struct ForceSsl {
    target: Target,
    exclude: PathList,
    hsts: Option<HeaderValue>,
    secure_cookies: bool,
}

impl Middleware for ForceSsl {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        refuse_proxies(&config.trusted_proxies)?;
        Ok(Self {
            target: Target::new(config.host.as_deref(), config.port)?,
            hsts: config.hsts.header()?,
            exclude: config.exclude,
            secure_cookies: config.secure_cookies,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        if req.scheme() == "https" {
            let mut res = next.run(req).await?;
            self.secure(&mut res)?;
            return Ok(res);
        }
        if self.exclude.covers(req.path()) {
            return next.run(req).await;
        }
        let Some(location) = self.target.of(&req) else {
            return Ok(Response::new(StatusCode::BAD_REQUEST));
        };
        // After a 301 a client may turn other methods into GET (RFC 9110 §15.4.2).
        let status = match req.method() {
            Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
            _ => StatusCode::PERMANENT_REDIRECT,
        };
        Ok(Response::new(status).with_header(header::LOCATION, location)?)
    }
}

impl ForceSsl {
    fn secure(&self, res: &mut Response) -> Result<()> {
        if let Some(hsts) = &self.hsts {
            res.headers_mut()
                .insert(header::STRICT_TRANSPORT_SECURITY, hsts)?;
        }
        if !self.secure_cookies || !res.headers().contains(header::SET_COOKIE) {
            return Ok(());
        }
        let cookies = res.headers().get_all(header::SET_COOKIE);
        let cookies: Vec<Vec<u8>> = cookies
            .map(|cookie| secure_cookie(cookie.as_bytes()))
            .collect();
        res.headers_mut().remove(header::SET_COOKIE);
        for cookie in &cookies {
            res.headers_mut()
                .append(header::SET_COOKIE, cookie.as_slice())?;
        }
        Ok(())
    }
}

/// The cookie with `secure`, so that browsers send it over https only (RFC 6265 §4.1.2.5).
fn secure_cookie(cookie: &[u8]) -> Vec<u8> {
    let mut attributes = cookie.split(|byte| *byte == b';').skip(1);
    let mut secured = cookie.to_vec();
    if !attributes.any(|attribute| attribute.trim_ascii().eq_ignore_ascii_case(b"secure")) {
        secured.extend_from_slice(b"; secure");
    }
    secured
}

stackup_plugin::export!(middleware ForceSsl as "force-ssl");

#[cfg(test)]
mod tests;
