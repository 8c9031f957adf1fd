//! A middleware that keeps sessions in encrypted cookies: `Rack::Session::Cookie` of rack-session.

#![forbid(unsafe_code)]

mod config;
mod cookie;
mod expiry;
mod payload;
mod seal;
mod shared;

use stackup_plugin::{Context, Middleware, Next, Request, Response, Result, Session, header};

pub use self::config::{Config, SameSite};
use self::cookie::SessionCookie;
use self::expiry::Expiry;
use self::payload::Payload;
use self::seal::Seal;

/// Keeps sessions in encrypted cookies.
pub struct Sessions {
    seal: Seal,
    cookie: SessionCookie,
    expiry: Expiry,
}

impl Middleware for Sessions {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self {
            seal: config.seal()?,
            expiry: config.expiry()?,
            cookie: config.cookie()?,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let sent = self.cookie.sent(req.headers());
        let before = sent.iter().find_map(|text| self.open(text));
        let mut session = before.as_ref().map(Payload::session).unwrap_or_default();
        session.lend(&mut req)?;
        let mut res = next.run(req).await?;
        session.follow(&mut res)?;
        if session.data().is_empty() {
            if session.is_changed() && !sent.is_empty() {
                set_cookie(&mut res, &self.cookie.removal())?;
            }
        } else if session.is_changed()
            || before.is_some_and(|payload| self.expiry.needs_renewal(payload.until))
                // A renewal can wait for a response that is not for everybody.
                && !shared::is_shared(res.headers())
        {
            self.keep(&session, &mut res)?;
        }
        Ok(res)
    }
}

impl Sessions {
    fn open(&self, text: &str) -> Option<Payload> {
        let payload = Payload::parse(&self.seal.open(text)?)?;
        (!self.expiry.is_expired(payload.until)).then_some(payload)
    }

    fn keep(&self, session: &Session, res: &mut Response) -> Result<()> {
        let payload = Payload::new(session, self.expiry.until())?;
        let sealed = self.seal.seal(&payload.text()?)?;
        match self.cookie.cookie(&sealed) {
            Some(cookie) => set_cookie(res, &cookie),
            // The client keeps its old cookie.
            None => {
                let bytes = sealed.len();
                stackup_plugin::tracing::error!(
                    bytes,
                    "session not saved: browsers accept no cookie of more than 4096 bytes"
                );
                Ok(())
            }
        }
    }
}

fn set_cookie(res: &mut Response, cookie: &str) -> Result<()> {
    res.headers_mut().append(header::SET_COOKIE, cookie)?;
    // A shared cache would hand the session to another client (RFC 9111 §7.3).
    shared::make_private(res)
}

stackup_plugin::export!(middleware Sessions as "session");

#[cfg(test)]
mod tests;
