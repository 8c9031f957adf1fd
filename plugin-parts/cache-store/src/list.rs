//! All that is stored, page by page.

use std::collections::VecDeque;

use crate::find::Entries;
use crate::index::Index;
use crate::record::Entry;
use crate::records::Records;
use crate::target::{Target, variant_epoch};

/// The entries that are read at once.
const PAGE: u32 = 250;

/// A stored response in a list.
#[derive(Debug, Clone)]
pub struct Listed<V> {
    /// Its key.
    pub key: Vec<u8>,
    /// The response.
    pub entry: Entry,
    /// Its version.
    pub version: V,
}

/// A walk over the entries.
pub struct Listing<'a, S> {
    entries: &'a Entries<S>,
    /// The kinds of keys that are left.
    kinds: VecDeque<&'static [u8]>,
    after: Option<Vec<u8>>,
}

impl<S: Records> Entries<S> {
    /// All entries that a request could find, in no order that means anything.
    pub fn listing(&self) -> Listing<'_, S> {
        Listing {
            entries: self,
            kinds: [&b"e"[..], b"q", b"v", b"p"].into(),
            after: None,
        }
    }
}

impl<S: Records> Listing<'_, S> {
    /// The next page, which may be empty; `None` after the last.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Listed<S::Version>>>, S::Error> {
        let Some(kind) = self.kinds.front() else {
            return Ok(None);
        };
        let after = self.after.take();
        let (found, more) = self
            .entries
            .store
            .scan(kind, after.as_deref(), PAGE)
            .await?;
        match found.last() {
            Some((last, _)) if more => self.after = Some(last.to_vec()),
            _ => drop(self.kinds.pop_front()),
        }
        let mut page = Vec::with_capacity(found.len());
        for (key, stored) in found {
            let Some(entry) = Entry::read(stored.value) else {
                continue;
            };
            let (key, version) = (key.to_vec(), stored.version);
            if self.can_be_found(&key, &entry).await? {
                page.push(Listed {
                    key,
                    entry,
                    version,
                });
            }
        }
        Ok(Some(page))
    }

    /// Whether nothing has made it unusable: a change of its target or of its group.
    async fn can_be_found(&self, key: &[u8], entry: &Entry) -> Result<bool, S::Error> {
        let Some(target) = Target::parse(entry.target()) else {
            return Ok(false);
        };
        if self.entries.is_invalidated(&target, entry).await? {
            return Ok(false);
        }
        let Some(epoch) = variant_epoch(key) else {
            return Ok(true);
        };
        let mut keys = vec![target.key()];
        keys.extend(self.entries.key_of_search(&target).await?);
        for key in keys {
            let index = self.entries.store.get(&key).await?;
            let index = index.and_then(|index| Index::read(&index.value));
            if index.is_some_and(|index| index.epoch == epoch) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
