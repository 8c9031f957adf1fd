//! Users and the hashes of their passwords.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::hash::Hash;

/// Users and their hashes.
#[derive(Clone, Default)]
pub(crate) struct Users(BTreeMap<String, Arc<Hash>>);

impl Users {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a user; fails if the name is invalid or already taken.
    pub(crate) fn add(&mut self, name: &str, hash: Hash) -> Result<(), &'static str> {
        // An empty name is valid (RFC 7617 §2).
        if name.contains(|c: char| c == ':' || c.is_control()) {
            return Err("no client can send this name: it contains `:` or a control character");
        }
        match self.0.insert(name.to_owned(), Arc::new(hash)) {
            None => Ok(()),
            Some(_) => Err("duplicate user name"),
        }
    }

    /// Adds those of `others` whose names are not taken.
    pub(crate) fn or(&self, others: Self) -> Self {
        let mut all = others.0;
        all.extend(self.0.clone());
        Self(all)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Hash>> {
        self.0.get(name)
    }

    /// The hash of some user, always the same for the same number.
    pub(crate) fn any(&self, number: u64) -> Option<&Arc<Hash>> {
        let count = u64::try_from(self.0.len())
            .ok()
            .filter(|count| *count > 0)?;
        self.0.values().nth((number % count) as usize)
    }

    /// Parses an htpasswd file. An error names the line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut users = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let added = line.split_once(':').ok_or("expected `name:hash`");
            let added = added.and_then(|(name, hash)| users.add(name, Hash::parse(hash)?));
            added.map_err(|why| format!("line {}: {why}", number + 1))?;
        }
        Ok(users)
    }
}
