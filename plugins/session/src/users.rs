//! Whose sessions they are, so that all of a user can be ended at once.
//!
//! Each user has a random mark in the store, and each of the user's sessions a copy of it. A session whose mark is not the user's
//! has ended. Removing the mark ends all of them, and so does a store that drops it: no ended session comes back.

use std::time::Duration;

use stackup_plugin::serde::{Deserialize, Serialize};
use stackup_plugin::serde_json::Value;
use stackup_plugin::{Result, Session, Store};

use crate::token::{hash, random};

/// The users of one cookie's sessions.
pub(crate) struct Users {
    store: Store,
    cookie: String,
    /// The session's value that names its user.
    value: String,
    /// How long a mark lives after a session got it.
    keep: Duration,
}

/// The user of a session, and the mark that was the user's at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "stackup_plugin::serde")]
pub(crate) struct Stamp {
    user: String,
    mark: String,
}

impl Users {
    pub(crate) fn new(store: Store, cookie: &str, value: String, keep: Duration) -> Self {
        Self {
            store,
            cookie: cookie.to_owned(),
            value,
            keep,
        }
    }

    /// The stamp for a session that is saved: none without a user, the same for the same user. Where it is the same, `extend` says
    /// whether the session's time has moved, and the mark's has to follow.
    pub(crate) async fn stamp(
        &self,
        session: &Session,
        before: Option<&Stamp>,
        extend: bool,
    ) -> Result<Option<Stamp>> {
        let Some(user) = session.data().get(&self.value).map(name) else {
            return Ok(None);
        };
        if let Some(before) = before.filter(|before| before.user == user) {
            if extend {
                self.extend(before).await?;
            }
            return Ok(Some(before.clone()));
        }
        let key = self.key(&user);
        loop {
            if let Some(entry) = self.store.get(&key).await? {
                let mark = String::from_utf8_lossy(&entry.value).into_owned();
                let stamp = Stamp { user, mark };
                self.extend(&stamp).await?;
                return Ok(Some(stamp));
            }
            let mark = hash(&random::<16>()?);
            let stored = self.store.compare_and_set(&key, None, &mark, self.keep);
            if stored.await?.is_some() {
                return Ok(Some(Stamp { user, mark }));
            }
        }
    }

    pub(crate) async fn is_valid(&self, stamp: &Stamp) -> Result<bool> {
        let entry = self.store.get(self.key(&stamp.user)).await?;
        Ok(entry.is_some_and(|entry| *entry.value == *stamp.mark.as_bytes()))
    }

    /// Ends all sessions of a user.
    pub(crate) async fn revoke(&self, user: &str) -> Result<()> {
        self.store.delete(self.key(user)).await?;
        Ok(())
    }

    /// Keeps the mark as long as a session that has it, unless it has changed.
    async fn extend(&self, stamp: &Stamp) -> Result<()> {
        let key = self.key(&stamp.user);
        if let Some(entry) = self.store.get(&key).await?
            && *entry.value == *stamp.mark.as_bytes()
        {
            let version = Some(entry.version);
            self.store
                .compare_and_set(&key, version, &stamp.mark, self.keep)
                .await?;
        }
        Ok(())
    }

    fn key(&self, user: &str) -> String {
        format!("{}|user|{}", self.cookie, hash(user.as_bytes()))
    }
}

/// A text as it is, anything else as JSON.
fn name(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
