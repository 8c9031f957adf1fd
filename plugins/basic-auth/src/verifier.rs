//! Whether a name and a password are right, at the same cost for those that are not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hmac::digest::Output;
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::credentials::Credentials;
use crate::htpasswd::Htpasswd;
use crate::mac::{Key, Tag};

/// Whether a name and a password are right.
pub(crate) struct Gate {
    key: Arc<Key>,
    users: Htpasswd,
    /// How many hash at once: more of them than cores only take memory from the rest.
    hashing: Arc<Semaphore>,
    cache_for: Duration,
    /// What was right last, for each user: the tag of name, password and hash, and until when.
    right: Mutex<HashMap<String, (Tag, Instant)>>,
}

impl Gate {
    pub(crate) fn new(key: Key, users: Htpasswd, cache_for: Duration) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            key: Arc::new(key),
            users,
            hashing: Arc::new(Semaphore::new(cores)),
            cache_for,
            right: Mutex::default(),
        }
    }

    /// The user's name, if these are his.
    pub(crate) async fn lets<'a>(&self, credentials: &'a Credentials) -> Option<&'a str> {
        let Credentials { name, password } = credentials;
        let users = self.users.users(Instant::now()).await;
        let known = users.get(name);
        // Who has no account is checked against another one's hash, and always the same, so that the
        // time does not tell who has one.
        let hash = match known {
            Some(hash) => hash,
            None => users.any(number(&self.key.tag(&[name])))?,
        };
        let tag = self.key.tag(&[name, password, hash.text()]);
        if known.is_some() && self.was_right(name, &tag, Instant::now()) {
            return Some(name);
        }
        let (hash, password) = (Arc::clone(hash), password.clone());
        let fits = self.hash(move |key| hash.fits(&password, key)).await?;
        if !fits || known.is_none() {
            return None;
        }
        self.remember(name, tag, Instant::now());
        Some(name)
    }

    /// Hashes on a thread that may take its time. The place is held until it is done, even if nobody
    /// waits for it any more.
    async fn hash(&self, f: impl FnOnce(&Key) -> bool + Send + 'static) -> Option<bool> {
        let place = Arc::clone(&self.hashing).acquire_owned().await.ok()?;
        let key = Arc::clone(&self.key);
        let hashed = blocking::unblock(move || {
            let fits = f(&key);
            drop(place);
            fits
        });
        Some(hashed.await)
    }

    /// The hash is in the tag: one that was changed or taken away is right no longer.
    fn was_right(&self, name: &str, tag: &Tag, now: Instant) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right
            .get(name)
            .is_some_and(|(last, until)| now < *until && last == tag)
    }

    fn remember(&self, name: &str, tag: Tag, now: Instant) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        // Users that went with a new file leave theirs behind.
        right.retain(|_, (_, until)| now < *until);
        if !self.cache_for.is_zero() {
            right.insert(name.to_owned(), (tag, now + self.cache_for));
        }
    }
}

fn number(tag: &Tag) -> u64 {
    let bytes: &Output<Sha256> = tag.as_bytes();
    bytes
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::users::Users;

    #[test]
    fn what_was_right_counts_for_a_while_for_its_hash_alone() {
        let key = Key::random().unwrap();
        let mut users = Users::default();
        users.add("ann", Hash::plain("sesame", &key)).unwrap();
        let users = Htpasswd::new(users, None, Duration::ZERO).unwrap();
        let gate = Gate::new(key, users, Duration::from_secs(60));
        let tag = |password, hash| gate.key.tag(&["ann", password, hash]);
        let now = Instant::now();
        gate.remember("ann", tag("sesame", "hash"), now);
        let after = |seconds| now + Duration::from_secs(seconds);
        let right = |password, hash, at| gate.was_right("ann", &tag(password, hash), at);
        assert!(right("sesame", "hash", after(59)));
        assert!(!right("sesame", "hash", after(60)));
        assert!(!right("sesame", "another", after(1)));
        assert!(!right("Sesame", "hash", after(1)));
        assert!(!gate.was_right("bob", &tag("sesame", "hash"), after(1)));
        gate.remember("bob", tag("x", "y"), after(60));
        assert_eq!(gate.right.lock().unwrap().len(), 1);
    }
}
