//! Sessions in the store: the cookie has a random token, and the store the data under its hash.
//!
//! Each change is applied to the newest data (compare and set), so concurrent requests do not lose each other's.

use std::time::Duration;

use stackup_plugin::serde::{Deserialize, Serialize};
use stackup_plugin::serde_json::{self, Map, Value};
use stackup_plugin::{EntryVersion, Result, Session, Store, StoreErrorKind};

use crate::expiry::Expiry;
use crate::payload::random_id;
use crate::token::Token;
use crate::users::{Stamp, Users};

/// How long the entry of a session that has ended stays: removing has no condition.
const GONE: Duration = Duration::from_millis(1);

/// The sessions of one cookie in the store.
pub(crate) struct StoredSessions {
    store: Store,
    /// The cookie's name: directives with another one have other sessions.
    cookie: String,
    users: Option<Users>,
}

/// A session as it was read.
pub(crate) struct Found {
    token: Token,
    version: EntryVersion,
    record: Record,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(crate = "stackup_plugin::serde")]
struct Record {
    id: String,
    /// When it expires, in Unix time.
    until: u64,
    data: Map<String, Value>,
    /// Whose it is, and since when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    user: Option<Stamp>,
}

/// What becomes of the cookie.
pub(crate) enum Saved {
    /// The client's cookie stays.
    Kept,
    /// The client gets this token.
    Begun(String),
    /// There is no session any more.
    Ended,
}

impl Found {
    pub(crate) fn session(&self) -> Session {
        Session::new(Some(self.record.id.clone()), self.record.data.clone())
    }

    pub(crate) fn until(&self) -> u64 {
        self.record.until
    }

    pub(crate) fn token(&self) -> String {
        self.token.text()
    }
}

impl StoredSessions {
    /// `user` names the value that says whose session it is.
    pub(crate) fn new(store: Store, cookie: String, user: Option<String>, expiry: &Expiry) -> Self {
        // Longer than any session that has it.
        let keep = Duration::from_secs(expiry.expire_after.saturating_mul(2));
        let users = user.map(|value| Users::new(store.clone(), &cookie, value, keep));
        Self {
            store,
            cookie,
            users,
        }
    }

    /// The session of the first of the cookies that has one.
    pub(crate) async fn find(&self, sent: &[String], expiry: &Expiry) -> Result<Option<Found>> {
        for token in sent.iter().filter_map(|text| Token::parse(text)) {
            if let Some(found) = self.read(token, expiry, true).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn read(&self, token: Token, expiry: &Expiry, judge_user: bool) -> Result<Option<Found>> {
        let Some(entry) = self.store.get(self.key(&token)).await? else {
            return Ok(None);
        };
        let Ok(record) = serde_json::from_slice::<Record>(&entry.value) else {
            return Ok(None);
        };
        if expiry.is_expired(record.until) {
            return Ok(None);
        }
        if let (Some(users), Some(stamp)) = (&self.users, &record.user)
            && judge_user
            && !users.is_valid(stamp).await?
        {
            return Ok(None);
        }
        Ok(Some(Found {
            token,
            version: entry.version,
            record,
        }))
    }

    /// Saves the changes of `session`, which was `found` at the request's begin.
    pub(crate) async fn save(
        &self,
        found: Option<Found>,
        session: &Session,
        expiry: &Expiry,
    ) -> Result<Saved> {
        if let Some(users) = &self.users {
            for user in session.revoked() {
                users.revoke(user).await?;
            }
        }
        match found {
            None => self.begin(session, None, expiry).await,
            Some(found) if session.is_ended() => {
                self.store.delete(self.key(&found.token)).await?;
                self.begin(session, None, expiry).await
            }
            Some(found) => self.change(found, session, expiry).await,
        }
    }

    /// Stores a new session under a new token, unless it has no data.
    async fn begin(
        &self,
        session: &Session,
        before: Option<&Record>,
        expiry: &Expiry,
    ) -> Result<Saved> {
        if session.data().is_empty() {
            return Ok(Saved::Ended);
        }
        let token = Token::random()?;
        let record = Record {
            id: random_id()?,
            until: expiry.until(),
            data: session.data().clone(),
            user: self.stamp(session, before, true).await?,
        };
        let value = serde_json::to_vec(&record)?;
        let stored = self
            .store
            .set(self.key(&token), value, expiry.rest(record.until));
        match stored.await {
            Err(error) if error.kind() == StoreErrorKind::TooLarge => {
                log_too_large(&error);
                Ok(Saved::Kept)
            }
            stored => stored
                .map(|_| Saved::Begun(token.text()))
                .map_err(Into::into),
        }
    }

    /// Applies the changes to the newest data. A session that another request has ended stays ended.
    async fn change(&self, found: Found, session: &Session, expiry: &Expiry) -> Result<Saved> {
        let renews = session.id().is_none();
        let key = self.key(&found.token);
        let mut found = found;
        loop {
            let changed = session.reapply(found.session());
            let ends = changed.data().is_empty();
            let stored = if ends || renews {
                // As good as removed, unless something has come between.
                self.store
                    .compare_and_set(&key, Some(found.version), "", GONE)
                    .await
            } else {
                // Both move at the same times, so that the user's mark outlives the session.
                let due = expiry.needs_renewal(found.record.until);
                let record = Record {
                    id: found.record.id.clone(),
                    until: if due {
                        expiry.until()
                    } else {
                        found.record.until
                    },
                    user: self.stamp(&changed, Some(&found.record), due).await?,
                    data: changed.data().clone(),
                };
                let (value, rest) = (serde_json::to_vec(&record)?, expiry.rest(record.until));
                self.store
                    .compare_and_set(&key, Some(found.version), value, rest)
                    .await
            };
            match stored {
                Ok(Some(_)) if ends => return Ok(Saved::Ended),
                Ok(Some(_)) if renews => {
                    return self.begin(&changed, Some(&found.record), expiry).await;
                }
                Ok(Some(_)) => return Ok(Saved::Kept),
                Ok(None) => {}
                Err(error) if error.kind() == StoreErrorKind::TooLarge => {
                    log_too_large(&error);
                    return Ok(Saved::Kept);
                }
                Err(error) => return Err(error.into()),
            }
            // Its own revocation does not end this session.
            let judge_user = session.revoked().is_empty();
            match self.read(found.token, expiry, judge_user).await? {
                Some(newer) => found = newer,
                None => return Ok(Saved::Ended),
            }
        }
    }

    async fn stamp(
        &self,
        session: &Session,
        before: Option<&Record>,
        extend: bool,
    ) -> Result<Option<Stamp>> {
        let Some(users) = &self.users else {
            return Ok(None);
        };
        let before = before.and_then(|record| record.user.as_ref());
        // A revocation in this very response leaves this session alone.
        let before = before.filter(|_| session.revoked().is_empty());
        users.stamp(session, before, extend).await
    }

    fn key(&self, token: &Token) -> String {
        key(&self.cookie, token)
    }
}

/// The key has the token's hash, so somebody who reads the store can't use the session.
fn key(cookie: &str, token: &Token) -> String {
    format!("{cookie}|session|{}", token.hash())
}

fn log_too_large(error: &stackup_plugin::StoreError) {
    stackup_plugin::tracing::error!("session not saved: {error}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_does_not_tell_the_token() {
        let token = Token::random().unwrap();
        let key = key("sid", &token);
        assert!(key.starts_with("sid|session|") && !key.contains(&token.text()));
    }
}
