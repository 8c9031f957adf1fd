//! Removing responses (RFC 9111 §4.4).

use std::time::Duration;

use http_cache::Timestamp;

use crate::find::Entries;
use crate::record::Entry;
use crate::records::Records;
use crate::target::{Target, part_key};
use crate::write::LONGEST_LIFE;

/// How long the pieces of a body stay after its entry is gone, for those who still read them.
const AFTERLIFE: Duration = Duration::from_secs(300);

impl<S: Records> Entries<S> {
    /// Removes what is stored for a target, with all variants. Returns the groups of the removed entry.
    pub async fn remove(&self, target: &Target) -> Result<Vec<String>, S::Error> {
        let mut groups = Vec::new();
        let mut keys = vec![target.key()];
        keys.extend(self.key_of_search(target).await?);
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
    pub async fn remove_entry(&self, key: &[u8]) -> Result<(), S::Error> {
        self.retire(key).await?;
        self.store.delete(key).await
    }

    /// Makes all entries of a group unusable that came until now (RFC 9875 §2.2).
    pub async fn invalidate_group(
        &self,
        target: &Target,
        group: &str,
        now: Timestamp,
    ) -> Result<(), S::Error> {
        let key = target.group_key(group);
        let at = now.0.to_le_bytes();
        self.store.set(&key, &at, LONGEST_LIFE).await
    }

    /// Removes the part.
    pub async fn remove_part(&self, key: &[u8]) -> Result<(), S::Error> {
        self.remove_entry(&part_key(key)).await
    }

    /// Has the pieces of an entry that is about to be replaced or removed expire. Returns the entry.
    pub(crate) async fn retire(&self, key: &[u8]) -> Result<Option<Entry>, S::Error> {
        let stored = self.store.get(key).await?;
        let entry = stored.and_then(|stored| Entry::read(stored.value));
        if let Some(entry) = &entry {
            self.extend(&entry.content, AFTERLIFE).await?;
        }
        Ok(entry)
    }
}
