//! Storing responses, with their variants and rules for queries.

use std::time::Duration;

use crate::find::Entries;
use crate::index::Index;
use crate::place::Place;
use crate::random::random;
use crate::record::{Content, Draft, finished};
use crate::records::Records;
use crate::target::{self, part_key};

/// No entry is stored for longer.
pub const LONGEST_LIFE: Duration = Duration::from_secs(366 * 86_400);

impl<S: Records> Entries<S> {
    /// Stores a response, in place of the one before.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn add(
        &self,
        place: &Place,
        draft: &Draft,
        content: &Content,
    ) -> Result<(), S::Error> {
        let ttl = draft.ttl;
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
        self.replace(&key, draft, content).await
    }

    /// Stores a part, in place of the one before.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn add_part(
        &self,
        key: &[u8],
        draft: &Draft,
        content: &Content,
    ) -> Result<(), S::Error> {
        let key = part_key(key);
        self.retire(&key).await?;
        self.replace(&key, draft, content).await
    }

    /// Replaces the record at `key`, whose body stays where it is.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn replace(
        &self,
        key: &[u8],
        draft: &Draft,
        content: &Content,
    ) -> Result<(), S::Error> {
        let record = finished(draft.head(), content);
        self.store.set(key, &record, draft.ttl).await?;
        // A purge is noted before it removes what is there, so one of the two removes this record.
        match draft.sent {
            Some(sent) if self.was_purged(&draft.target, &draft.groups, sent).await? => {
                self.remove_entry(key).await
            }
            _ => Ok(()),
        }
    }

    /// Has the index name this `Vary`, and returns its epoch.
    async fn index(&self, key: &[u8], names: &str, ttl: Duration) -> Result<[u8; 8], S::Error> {
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
                .compare_and_set(key, version, &record, ttl)
                .await?;
            if stored {
                return Ok(index.epoch);
            }
        }
    }
}
