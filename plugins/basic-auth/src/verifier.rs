//! Verifying credentials, at the same cost whether they are right or wrong.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hmac::digest::Output;
use sha2::Sha256;

use crate::credentials::Credentials;
use crate::htpasswd::Htpasswd;
use crate::mac::{Key, Tag};
use crate::turns::{Busy, Turns};

/// Verifies credentials.
pub(crate) struct Verifier {
    key: Arc<Key>,
    users: Htpasswd,
    turns: Turns,
    cache_for: Duration,
    /// The last correct password of each user, as the MAC of name, password and hash, and until when it is valid.
    remembered: Mutex<HashMap<String, (Tag, Instant)>>,
}

impl Verifier {
    pub(crate) fn new(key: Key, users: Htpasswd, cache_for: Duration) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            key: Arc::new(key),
            users,
            turns: Turns::new(cores),
            cache_for,
            remembered: Mutex::default(),
        }
    }

    /// The user's name, if the credentials are right, which came from the client at `address`.
    pub(crate) async fn verify<'a>(
        &self,
        credentials: &'a Credentials,
        address: Option<IpAddr>,
    ) -> Result<Option<&'a str>, Busy> {
        let Credentials { name, password } = credentials;
        let users = self.users.users(Instant::now()).await;
        let known = users.get(name);
        // An unknown name is checked against another user's hash, always the same one, so that the time does not
        // reveal who has an account.
        let hash = match known {
            Some(hash) => hash,
            None => match users.any(number(&self.key.tag(&[name]))) {
                Some(hash) => hash,
                None => return Ok(None),
            },
        };
        let tag = self.key.tag(&[name, password, hash.text()]);
        if known.is_some() && self.is_remembered(name, &tag, Instant::now()) {
            return Ok(Some(name));
        }
        let (hash, password) = (Arc::clone(hash), password.clone());
        let matches = self.hash(address, move |key| hash.matches(&password, key));
        if !matches.await? || known.is_none() {
            return Ok(None);
        }
        self.remember(name, tag, Instant::now());
        Ok(Some(name))
    }

    /// Hashes on a blocking thread. The turn lasts until it is done, even if the request is gone.
    async fn hash(
        &self,
        address: Option<IpAddr>,
        f: impl FnOnce(&Key) -> bool + Send + 'static,
    ) -> Result<bool, Busy> {
        let turn = self.turns.next(address).await?;
        let key = Arc::clone(&self.key);
        let hashed = blocking::unblock(move || {
            let matches = f(&key);
            drop(turn);
            matches
        });
        Ok(hashed.await)
    }

    /// The MAC covers the hash, so a changed or removed one no longer matches.
    fn is_remembered(&self, name: &str, tag: &Tag, now: Instant) -> bool {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered
            .get(name)
            .is_some_and(|(last, until)| now < *until && last == tag)
    }

    fn remember(&self, name: &str, tag: Tag, now: Instant) {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Entries of users that were removed from the file expire here.
        remembered.retain(|_, (_, until)| now < *until);
        if !self.cache_for.is_zero() {
            remembered.insert(name.to_owned(), (tag, now + self.cache_for));
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
    use checked_file::Trust;

    use super::*;
    use crate::hash::Hash;
    use crate::users::Users;

    #[test]
    fn what_is_remembered_counts_for_a_while_for_its_hash_alone() {
        let key = Key::random().unwrap();
        let mut users = Users::default();
        users.add("ann", Hash::plain("sesame", &key)).unwrap();
        let users = Htpasswd::new(users, None, Trust::Owner, Duration::ZERO).unwrap();
        let verifier = Verifier::new(key, users, Duration::from_secs(60));
        let tag = |password, hash| verifier.key.tag(&["ann", password, hash]);
        let now = Instant::now();
        verifier.remember("ann", tag("sesame", "hash"), now);
        let after = |seconds| now + Duration::from_secs(seconds);
        let right = |password, hash, at| verifier.is_remembered("ann", &tag(password, hash), at);
        assert!(right("sesame", "hash", after(59)));
        assert!(!right("sesame", "hash", after(60)));
        assert!(!right("sesame", "another", after(1)));
        assert!(!right("Sesame", "hash", after(1)));
        assert!(!verifier.is_remembered("bob", &tag("sesame", "hash"), after(1)));
        verifier.remember("bob", tag("x", "y"), after(60));
        assert_eq!(verifier.remembered.lock().unwrap().len(), 1);
    }
}
