//! A middleware that asks for a name and a password: Rack's `Rack::Auth::Basic`, as RFC 7617 has it.

#![forbid(unsafe_code)]

mod config;
mod credentials;
mod hash;
mod htpasswd;
mod mac;
mod users;
mod verifier;

use stackup_plugin::{
    Context, HeaderValue, Middleware, Next, Request, Response, Result, StatusCode, header,
};

pub use self::config::Config;
use self::credentials::Presented;
use self::verifier::Gate;

/// Asks for a name and a password.
pub struct BasicAuth {
    challenge: HeaderValue,
    gate: Gate,
}

impl Middleware for BasicAuth {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Ok(Self {
            challenge: config.challenge()?,
            gate: config.gate(cx)?,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let credentials = match Presented::of(req.headers()) {
            Presented::Nothing => return self.ask(),
            Presented::Unusable => return Ok(Response::new(StatusCode::BAD_REQUEST)),
            Presented::Basic(credentials) => credentials,
        };
        match self.gate.lets(&credentials).await {
            Some(name) => req.env_mut().set("REMOTE_USER", name),
            None => return self.ask(),
        }
        next.run(req).await
    }
}

impl BasicAuth {
    fn ask(&self) -> Result {
        let res = Response::new(StatusCode::UNAUTHORIZED);
        Ok(res.with_header(header::WWW_AUTHENTICATE, &self.challenge)?)
    }
}

stackup_plugin::export!(middleware BasicAuth as "basic-auth");

#[cfg(test)]
mod tests;
