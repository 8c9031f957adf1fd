//! What is stored: entries, variants, groups, rules for queries.

use std::time::Duration;

use bytes::Bytes;
use http_cache::{Fields, NoVarySearch, Timestamp, variant_key};
use stackup_plugin::{Store, StoreEntry, StoreError};

use crate::parts::StoredPart;
use crate::place::{Place, flight};
use crate::random::random;
use crate::record::{BodyId, Content, Entry, Index};
use crate::target::{self, Target};

/// The size of a piece of a body. A body that is no longer is in the record of its entry.
pub(crate) const PIECE: usize = 256 * 1024;

/// No entry is stored for longer.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(366 * 86_400);

/// How long the pieces of a body stay after its entry is gone, for those who still read them.
const AFTERLIFE: Duration = Duration::from_secs(300);

/// The entries of a namespace.
#[derive(Debug, Clone)]
pub(crate) struct Entries {
    store: Store,
}

/// What a request finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// A response for it.
    Entry(StoredEntry),
    /// Only responses for other values of the fields in `Vary`; what requests for its own have in common.
    OtherVariants(Vec<u8>),
    /// Nothing.
    Nothing,
}

/// A stored response, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct StoredEntry {
    pub(crate) entry: Entry,
    pub(crate) key: Vec<u8>,
    /// What requests for it have in common; the key if it has no variants.
    flight: Option<Vec<u8>>,
}

impl StoredEntry {
    /// What requests for it have in common.
    pub(crate) fn flight(&self) -> Vec<u8> {
        self.flight.as_ref().unwrap_or(&self.key).clone()
    }
}

impl Entries {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The response for a request with these fields.
    pub(crate) async fn find(
        &self,
        target: &Target,
        request: &impl Fields,
    ) -> Result<Found, StoreError> {
        match self.find_at(target, target.key(), request).await? {
            Found::Nothing => {}
            found => return Ok(found),
        }
        let Some(rule) = self.store.get(target.search_rule_key()).await? else {
            return Ok(Found::Nothing);
        };
        let line = std::iter::once(("no-vary-search", &*rule.value)).collect::<http_cache::List>();
        match NoVarySearch::of(&line) {
            Some(known) => {
                let key = target.search_key(&known, &rule.value);
                self.find_at(target, key, request).await
            }
            None => Ok(Found::Nothing),
        }
    }

    async fn find_at(
        &self,
        target: &Target,
        key: Vec<u8>,
        request: &impl Fields,
    ) -> Result<Found, StoreError> {
        let Some(StoreEntry { value, .. }) = self.store.get(&key).await? else {
            return Ok(Found::Nothing);
        };
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
    ) -> Result<Found, StoreError> {
        let Some(found) = found else {
            return Ok(Found::Nothing);
        };
        Ok(match self.is_invalidated(target, &found.entry).await? {
            true => Found::Nothing,
            false => Found::Entry(found),
        })
    }

    /// Whether one of an entry's groups was invalidated since it came.
    async fn is_invalidated(&self, target: &Target, entry: &Entry) -> Result<bool, StoreError> {
        for group in entry.groups() {
            let at = self.store.get(target.group_key(group)).await?;
            let at = at.and_then(|at| Some(i64::from_le_bytes(at.value.as_ref().try_into().ok()?)));
            if at.is_some_and(|at| entry.policy.received.0 <= at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores a record.
    pub(crate) async fn add(
        &self,
        place: &Place,
        record: &[u8],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        if let Some((key, rule)) = place.search_rule() {
            self.store.set(key, rule, ttl).await?;
        }
        let key = match place.variant() {
            None => place.key().to_vec(),
            Some((names, values)) => {
                let epoch = self.index(place.key(), names, ttl).await?;
                target::variant_key(&epoch, names, values)
            }
        };
        self.retire(&key).await?;
        self.store.set(&key, record, ttl).await.map(drop)
    }

    /// The part that is stored of what `key` stands for.
    pub(crate) async fn part(&self, key: &[u8]) -> Result<Option<StoredPart>, StoreError> {
        let stored = self.store.get(part_key(key)).await?;
        let entry = stored.and_then(|stored| Entry::read(stored.value));
        Ok(entry.and_then(StoredPart::read))
    }

    /// The part that is stored for a target.
    pub(crate) async fn part_for(&self, target: &Target) -> Result<Option<StoredPart>, StoreError> {
        let Some(part) = self.part(&target.key()).await? else {
            return Ok(None);
        };
        let invalidated = self.is_invalidated(target, part.entry()).await?;
        Ok((!invalidated).then_some(part))
    }

    /// Stores a part, in place of the one before.
    pub(crate) async fn add_part(
        &self,
        key: &[u8],
        record: &[u8],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let key = part_key(key);
        self.retire(&key).await?;
        self.store.set(&key, record, ttl).await.map(drop)
    }

    /// Removes the part.
    pub(crate) async fn remove_part(&self, key: &[u8]) -> Result<(), StoreError> {
        self.remove_entry(&part_key(key)).await
    }

    /// Has the pieces of an entry that is about to be replaced or removed expire. Returns the entry.
    async fn retire(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        let stored = self.store.get(key).await?;
        let entry = stored.and_then(|stored| Entry::read(stored.value));
        if let Some(entry) = &entry {
            self.extend(&entry.content, AFTERLIFE).await?;
        }
        Ok(entry)
    }

    /// Replaces the record of an entry.
    pub(crate) async fn replace(
        &self,
        key: &[u8],
        record: &[u8],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.store.set(key, record, ttl).await.map(drop)
    }

    /// Has the index name this `Vary`, and returns its epoch.
    async fn index(&self, key: &[u8], names: &str, ttl: Duration) -> Result<[u8; 8], StoreError> {
        loop {
            let known = self.store.get(key).await?;
            let version = known.as_ref().map(|known| known.version);
            let index = known.and_then(|known| Index::read(&known.value));
            let mut index = index.unwrap_or_else(|| Index {
                epoch: random(),
                names: Vec::new(),
            });
            index.add(names);
            // Stored again each time, since it has to live as long as its variants.
            let record = index.record();
            let stored = self
                .store
                .compare_and_set(key, version, record, ttl)
                .await?;
            if stored.is_some() {
                return Ok(index.epoch);
            }
        }
    }

    /// Removes what is stored for a target, with all variants. Returns the groups of the removed entry.
    pub(crate) async fn remove(&self, target: &Target) -> Result<Vec<String>, StoreError> {
        let mut groups = Vec::new();
        let mut keys = vec![target.key()];
        if let Some(rule) = self.store.get(target.search_rule_key()).await? {
            let line =
                std::iter::once(("no-vary-search", &*rule.value)).collect::<http_cache::List>();
            keys.extend(
                NoVarySearch::of(&line).map(|known| target.search_key(&known, &rule.value)),
            );
        }
        for key in keys {
            if let Some(entry) = self.retire(&key).await? {
                groups.extend(entry.groups().map(ToOwned::to_owned));
            }
            self.store.delete(&key).await?;
            self.remove_part(&key).await?;
        }
        Ok(groups)
    }

    /// Removes one entry.
    pub(crate) async fn remove_entry(&self, key: &[u8]) -> Result<(), StoreError> {
        self.retire(key).await?;
        self.store.delete(key).await.map(drop)
    }

    /// Makes all entries of a group unusable that came until now (RFC 9875 §2.2).
    pub(crate) async fn invalidate_group(
        &self,
        target: &Target,
        group: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = target.group_key(group);
        let at = now.0.to_le_bytes();
        self.store.set(key, at, LONGEST_LIFE).await.map(drop)
    }

    /// Stores a piece of a body.
    pub(crate) async fn add_piece(
        &self,
        id: &BodyId,
        index: u64,
        bytes: &[u8],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let key = target::piece_key(id, index);
        self.store.set(key, bytes, ttl).await.map(drop)
    }

    /// A piece of a body; `None` if the engine dropped it.
    pub(crate) async fn piece(&self, id: &BodyId, index: u64) -> Result<Option<Bytes>, StoreError> {
        let piece = self.store.get(target::piece_key(id, index)).await?;
        Ok(piece.map(|piece| piece.value))
    }

    /// Whether a body is there, or begins at least.
    pub(crate) async fn has(&self, content: &Content) -> bool {
        match content {
            Content::Inline(_) => true,
            Content::Pieces { id, .. } => matches!(self.piece(id, 0).await, Ok(Some(_))),
        }
    }

    /// Removes the pieces of a body.
    pub(crate) async fn remove_pieces(&self, id: &BodyId, count: u64) -> Result<(), StoreError> {
        for index in 0..count {
            self.store.delete(target::piece_key(id, index)).await?;
        }
        Ok(())
    }

    /// Has the pieces of a body live for `ttl` from now on.
    pub(crate) async fn extend(&self, content: &Content, ttl: Duration) -> Result<(), StoreError> {
        let Content::Pieces { id, length } = content else {
            return Ok(());
        };
        for index in 0..pieces(*length) {
            if let Some(piece) = self.piece(id, index).await? {
                self.add_piece(id, index, &piece, ttl).await?;
            }
        }
        Ok(())
    }
}

/// The number of pieces of a body.
pub(crate) fn pieces(length: u64) -> u64 {
    length.div_ceil(PIECE as u64)
}

fn part_key(key: &[u8]) -> Vec<u8> {
    [b"p", key].concat()
}
