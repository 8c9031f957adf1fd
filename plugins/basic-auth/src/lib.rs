//! A middleware that asks for a user name and a password (RFC 7617): `Rack::Auth::Basic`.

#![forbid(unsafe_code)]

mod config;
mod credentials;
mod hash;
mod htpasswd;
mod mac;
mod turns;
mod users;
mod verifier;

use stackup_plugin::{
    Context, HeaderValue, Middleware, Next, Request, Response, Result, StatusCode, header,
};

pub use self::config::Config;
use self::credentials::Authorization;
use self::turns::Busy;
use self::verifier::Verifier;

/// Asks for a user name and a password.
pub struct BasicAuth {
    challenge: HeaderValue,
    verifier: Verifier,
}

impl Middleware for BasicAuth {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Ok(Self {
            challenge: config.challenge()?,
            verifier: config.verifier(cx)?,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let credentials = match Authorization::of(req.headers()) {
            Authorization::Missing => return self.challenge(),
            Authorization::Invalid => return Ok(Response::new(StatusCode::BAD_REQUEST)),
            Authorization::Basic(credentials) => credentials,
        };
        let address = req.remote_addr().map(|address| address.ip());
        match self.verifier.verify(&credentials, address).await {
            Ok(Some(name)) => req.env_mut().set("REMOTE_USER", name),
            Ok(None) => return self.challenge(),
            Err(Busy::Client) => return later(StatusCode::TOO_MANY_REQUESTS),
            Err(Busy::All) => return later(StatusCode::SERVICE_UNAVAILABLE),
        }
        next.run(req).await
    }
}

impl BasicAuth {
    fn challenge(&self) -> Result {
        let res = Response::new(StatusCode::UNAUTHORIZED);
        Ok(res.with_header(header::WWW_AUTHENTICATE, &self.challenge)?)
    }
}

/// The password is not checked: too many wait for that.
fn later(status: StatusCode) -> Result {
    let retry_after = HeaderValue::from_static("1");
    Ok(Response::new(status).with_header(header::RETRY_AFTER, &retry_after)?)
}

stackup_plugin::export!(middleware BasicAuth as "basic-auth");

#[cfg(test)]
mod tests;
