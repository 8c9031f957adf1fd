//! Which stored response a request selects (RFC 9111 §4.1).

use http_cache::{Fields, List, NoVarySearch, variant_key};

use crate::index::Index;
use crate::part::StoredPart;
use crate::place::flight;
use crate::record::Entry;
use crate::records::Records;
use crate::target::{self, Target, part_key};

/// The entries of a namespace.
#[derive(Debug, Clone)]
pub struct Entries<S> {
    pub(crate) store: S,
}

/// What a request finds.
#[derive(Debug)]
pub enum Found {
    /// A response for it.
    Entry(StoredEntry),
    /// Only responses for other values of the fields in `Vary`; what requests for its own have in common.
    OtherVariants(Vec<u8>),
    /// Nothing.
    Nothing,
}

/// A stored response, and where it is.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// The response.
    pub entry: Entry,
    /// Its key.
    pub key: Vec<u8>,
    /// What requests for it have in common; the key if it has no variants.
    flight: Option<Vec<u8>>,
}

impl StoredEntry {
    /// What requests for it have in common.
    pub fn flight(&self) -> Vec<u8> {
        self.flight.as_ref().unwrap_or(&self.key).clone()
    }
}

impl<S: Records> Entries<S> {
    /// The entries in this namespace.
    pub fn new(store: S) -> Self {
        Self { store }
    }

    /// The response for a request with these fields; `key` is that of `target`.
    pub async fn find(
        &self,
        target: &Target,
        key: Vec<u8>,
        request: &impl Fields,
    ) -> Result<Found, S::Error> {
        match self.find_at(target, key, request).await? {
            Found::Nothing => {}
            found => return Ok(found),
        }
        match self.key_of_search(target).await? {
            Some(key) => self.find_at(target, key, request).await,
            None => Ok(Found::Nothing),
        }
    }

    /// The key for all queries that are equal to that of `target` by the rule of its path, if there is one.
    pub(crate) async fn key_of_search(&self, target: &Target) -> Result<Option<Vec<u8>>, S::Error> {
        let Some(rule) = self.store.get(&target.search_rule_key()).await? else {
            return Ok(None);
        };
        let line = std::iter::once(("no-vary-search", &*rule.value)).collect::<List>();
        let known = NoVarySearch::of(&line);
        Ok(known.map(|known| target.search_key(&known, &rule.value)))
    }

    async fn find_at(
        &self,
        target: &Target,
        key: Vec<u8>,
        request: &impl Fields,
    ) -> Result<Found, S::Error> {
        let Some(stored) = self.store.get(&key).await? else {
            return Ok(Found::Nothing);
        };
        let value = stored.value;
        let Some(index) = Index::read(&value) else {
            let found = Entry::read(value).map(|entry| StoredEntry {
                entry,
                flight: None,
                key,
            });
            return self.unless_invalidated(target, found).await;
        };
        let mut latest: Option<StoredEntry> = None;
        let mut first = None;
        for names in &index.names {
            let values = variant_key(names.split(','), request);
            let variant = target::variant_key(&index.epoch, names, &values);
            let flight = flight(&key, &values);
            first.get_or_insert_with(|| flight.clone());
            let stored = self.store.get(&variant).await?;
            let Some(entry) = stored.and_then(|stored| Entry::read(stored.value)) else {
                continue;
            };
            // The most recent one that matches (RFC 9111 §4.1).
            let received = |stored: &StoredEntry| stored.entry.policy.received;
            if latest
                .as_ref()
                .is_none_or(|known| received(known) < entry.policy.received)
            {
                latest = Some(StoredEntry {
                    entry,
                    flight: Some(flight),
                    key: variant,
                });
            }
        }
        match (self.unless_invalidated(target, latest).await?, first) {
            (Found::Nothing, Some(flight)) => Ok(Found::OtherVariants(flight)),
            (found, _) => Ok(found),
        }
    }

    /// Nothing, if one of the entry's groups was invalidated since it came (RFC 9875 §2.2).
    async fn unless_invalidated(
        &self,
        target: &Target,
        found: Option<StoredEntry>,
    ) -> Result<Found, S::Error> {
        let Some(found) = found else {
            return Ok(Found::Nothing);
        };
        Ok(match self.is_invalidated(target, &found.entry).await? {
            true => Found::Nothing,
            false => Found::Entry(found),
        })
    }

    /// Whether one of an entry's groups was invalidated since it came.
    pub(crate) async fn is_invalidated(
        &self,
        target: &Target,
        entry: &Entry,
    ) -> Result<bool, S::Error> {
        for group in entry.groups() {
            let at = self.store.get(&target.group_key(group)).await?;
            let at = at.and_then(|at| Some(i64::from_le_bytes(at.value.as_ref().try_into().ok()?)));
            if at.is_some_and(|at| entry.policy.received.0 <= at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The part that is stored of what `key` stands for.
    pub async fn part(&self, key: &[u8]) -> Result<Option<StoredPart>, S::Error> {
        let stored = self.store.get(&part_key(key)).await?;
        let entry = stored.and_then(|stored| Entry::read(stored.value));
        Ok(entry.and_then(StoredPart::read))
    }

    /// The part that is stored for a target.
    pub async fn part_for(&self, target: &Target) -> Result<Option<StoredPart>, S::Error> {
        let Some(part) = self.part(&target.key()).await? else {
            return Ok(None);
        };
        let invalidated = self.is_invalidated(target, &part.entry).await?;
        Ok((!invalidated).then_some(part))
    }
}
