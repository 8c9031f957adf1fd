//! Where sessions are kept: in their cookies, or in the store.

use stackup_plugin::{Error, Result, Session, tracing};

use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::payload::Payload;
use crate::seal::Seal;
use crate::stored::{Found, Saved, StoredSessions};

/// Where sessions are kept.
pub(crate) enum Keeper {
    /// Encrypted in the cookie itself.
    Cookie(Seal),
    Store(StoredSessions),
}

/// A session at the begin of a request.
pub(crate) enum Before {
    Cookie(Payload),
    Store(Box<Found>),
}

/// What a response does with the cookie.
pub(crate) enum Change {
    None,
    /// A `set-cookie` line.
    Set(String),
    Remove,
}

impl Before {
    pub(crate) fn session(&self) -> Session {
        match self {
            Self::Cookie(payload) => payload.session(),
            Self::Store(found) => found.session(),
        }
    }

    /// When it expires, in Unix time.
    pub(crate) fn until(&self) -> u64 {
        match self {
            Self::Cookie(payload) => payload.until,
            Self::Store(found) => found.until(),
        }
    }
}

impl Keeper {
    /// The session of the first of the cookies that has one.
    ///
    /// # Errors
    ///
    /// The store is unavailable: 503.
    pub(crate) async fn find(&self, sent: &[String], expiry: &Expiry) -> Result<Option<Before>> {
        match self {
            Self::Cookie(seal) => {
                let open = |text: &String| Payload::parse(&seal.open(text)?);
                let valid = |payload: &Payload| !expiry.is_expired(payload.until);
                let found = sent.iter().filter_map(open).find(valid);
                Ok(found.map(Before::Cookie))
            }
            Self::Store(sessions) => {
                let found = sessions.find(sent, expiry).await?;
                Ok(found.map(|found| Before::Store(Box::new(found))))
            }
        }
    }

    /// Saves the session, changed or not, for the time after this use.
    ///
    /// # Errors
    ///
    /// The store is unavailable: 503. The app revokes sessions that are in cookies.
    pub(crate) async fn save(
        &self,
        before: Option<Before>,
        session: &Session,
        expiry: &Expiry,
        cookie: &SessionCookie,
    ) -> Result<Change> {
        match self {
            Self::Cookie(seal) => {
                if !session.revoked().is_empty() {
                    let message = "sessions in cookies can't be revoked; set `store = true` and `user` of `session`";
                    return Err(Error::msg(message));
                }
                if session.data().is_empty() {
                    return Ok(Change::Remove);
                }
                let until = match &before {
                    Some(before) if session.id().is_some() => expiry.until_after(before.until()),
                    _ => expiry.until(),
                };
                let payload = Payload::new(session, until)?;
                let sealed = seal.seal(&payload.text()?)?;
                Ok(cookie.cookie(&sealed).map_or_else(
                    || {
                        // The client keeps its old cookie.
                        let bytes = sealed.len();
                        tracing::error!(
                            bytes,
                            "session not saved: browsers accept no cookie of more than 4096 bytes"
                        );
                        Change::None
                    },
                    Change::Set,
                ))
            }
            Self::Store(sessions) => {
                let found = before.and_then(|before| match before {
                    Before::Store(found) => Some(*found),
                    Before::Cookie(_) => None,
                });
                let token = found.as_ref().map(Found::token);
                let saved = sessions.save(found, session, expiry).await?;
                let line = |token: String| cookie.cookie(&token).map_or(Change::None, Change::Set);
                Ok(match saved {
                    Saved::Begun(token) => line(token),
                    // Browsers that keep it for a time count that time anew.
                    Saved::Kept if cookie.max_age.is_some() && !expiry.fixed => {
                        token.map_or(Change::None, line)
                    }
                    Saved::Kept => Change::None,
                    Saved::Ended => Change::Remove,
                })
            }
        }
    }
}
