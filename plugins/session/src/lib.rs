//! A middleware that keeps sessions in encrypted cookies: rack-session's `Rack::Session::Cookie`.

#![forbid(unsafe_code)]

mod config;
mod cookie;
mod expiry;
mod payload;
mod seal;

use stackup_plugin::{Context, Middleware, Next, Request, Response, Result, Session, header};

pub use self::config::{Config, SameSite};
use self::cookie::Jar;
use self::expiry::Clock;
use self::payload::Kept;
use self::seal::Seal;

/// Keeps sessions in encrypted cookies.
pub struct Sessions {
    seal: Seal,
    jar: Jar,
    clock: Clock,
}

impl Middleware for Sessions {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self {
            seal: config.seal()?,
            clock: config.clock()?,
            jar: config.jar()?,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let sent = self.jar.sent(req.headers());
        let before = sent.iter().find_map(|text| self.open(text));
        let mut session = before.as_ref().map(Kept::session).unwrap_or_default();
        session.lend(&mut req)?;
        let mut res = next.run(req).await?;
        session.follow(&mut res)?;
        if session.data().is_empty() {
            if session.is_changed() && !sent.is_empty() {
                set_cookie(&mut res, &self.jar.removal())?;
            }
        } else if session.is_changed() || before.is_some_and(|kept| self.clock.is_due(kept.until)) {
            self.keep(&session, &mut res)?;
        }
        Ok(res)
    }
}

impl Sessions {
    fn open(&self, text: &str) -> Option<Kept> {
        let kept = Kept::parse(&self.seal.open(text)?)?;
        (!self.clock.is_over(kept.until)).then_some(kept)
    }

    fn keep(&self, session: &Session, res: &mut Response) -> Result<()> {
        let kept = Kept::new(session, self.clock.until())?;
        let sealed = self.seal.close(&kept.text()?)?;
        match self.jar.cookie(&sealed) {
            Some(cookie) => set_cookie(res, &cookie),
            // The client keeps what it had.
            None => {
                let bytes = sealed.len();
                stackup_plugin::tracing::error!(
                    bytes,
                    "a session is not kept: browsers take no cookie of more than 4096 bytes"
                );
                Ok(())
            }
        }
    }
}

fn set_cookie(res: &mut Response, cookie: &str) -> Result<()> {
    let mut headers = res.headers_mut();
    headers.append(header::SET_COOKIE, cookie)?;
    // A cache that gives it to somebody else gives him the session (RFC 9111 §7.3).
    if !headers.as_ref().contains(header::CACHE_CONTROL) {
        let private = "private, max-age=0, must-revalidate";
        headers.insert(header::CACHE_CONTROL, private)?;
    }
    Ok(())
}

stackup_plugin::export!(middleware Sessions as "session");

#[cfg(test)]
mod tests;
