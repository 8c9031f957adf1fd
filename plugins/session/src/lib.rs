//! A middleware that keeps sessions: in encrypted cookies, as `Rack::Session::Cookie` of rack-session, or in the store.

#![forbid(unsafe_code)]

mod config;
mod cookie;
mod expiry;
mod keeper;
mod payload;
mod seal;
mod shared;
mod stored;
mod token;
mod users;

use stackup_plugin::{Context, Middleware, Next, Request, Response, Result, header};

pub use self::config::{Config, Expires, SameSite};
use self::cookie::SessionCookie;
use self::expiry::Expiry;
use self::keeper::{Before, Change, Keeper};

/// Keeps sessions.
pub struct Sessions {
    keeper: Keeper,
    cookie: SessionCookie,
    expiry: Expiry,
}

impl Middleware for Sessions {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let expiry = config.expiry()?;
        Ok(Self {
            keeper: config.keeper(cx, &expiry)?,
            cookie: config.cookie()?,
            expiry,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let sent = self.cookie.sent(&req);
        let before = self.keeper.find(&sent, &self.expiry).await?;
        let mut session = before.as_ref().map(Before::session).unwrap_or_default();
        session.lend(&mut req)?;
        let mut res = next.run(req).await?;
        session.follow(&mut res)?;
        let due = |before: &Before| self.expiry.needs_renewal(before.until());
        // A renewal can wait for a response that is not for everybody.
        if session.is_changed()
            || before.as_ref().is_some_and(due) && !shared::is_shared(res.headers())
        {
            let (expiry, cookie) = (&self.expiry, &self.cookie);
            match self.keeper.save(before, &session, expiry, cookie).await? {
                Change::None => {}
                Change::Set(line) => set_cookie(&mut res, &line)?,
                Change::Remove if sent.is_empty() => {}
                Change::Remove => set_cookie(&mut res, &self.cookie.removal())?,
            }
        }
        Ok(res)
    }
}

fn set_cookie(res: &mut Response, cookie: &str) -> Result<()> {
    res.headers_mut().append(header::SET_COOKIE, cookie)?;
    // A shared cache would hand the session to another client (RFC 9111 §7.3).
    shared::make_private(res)
}

stackup_plugin::export!(middleware Sessions as "session");

#[cfg(test)]
mod stored_tests;
#[cfg(test)]
mod tests;
