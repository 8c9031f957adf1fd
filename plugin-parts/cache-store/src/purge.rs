//! Purging: an operator has responses removed, or marked stale.

use http_cache::Timestamp;

use crate::find::Entries;
use crate::list::Listed;
use crate::record::Entry;
use crate::records::Records;
use crate::target::Target;

/// What is purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purge {
    /// One URI, with all its variants.
    Target(Target),
    /// All URIs that begin so.
    Prefix(String),
    /// All responses of a group, whatever their origin (RFC 9875).
    Group(String),
}

impl Purge {
    /// Whether it concerns a response for `uri` with these groups.
    pub(crate) fn concerns<'g>(
        &self,
        uri: &str,
        mut groups: impl Iterator<Item = &'g str>,
    ) -> bool {
        match self {
            Self::Target(target) => target.uri() == uri,
            Self::Prefix(prefix) => uri.starts_with(prefix.as_str()),
            Self::Group(group) => groups.any(|one| one == group),
        }
    }

    fn concerns_entry(&self, entry: &Entry) -> bool {
        self.concerns(entry.target(), entry.groups())
    }
}

impl<S: Records> Entries<S> {
    /// Removes the responses that are stored now; with `soft`, they are stale from now on. What was asked for before and comes
    /// later is not stored. Returns how many there were.
    ///
    /// # Errors
    ///
    /// Those of the store; some may be purged.
    pub async fn purge(&self, purge: &Purge, soft: bool, now: Timestamp) -> Result<u64, S::Error> {
        self.note_purge(purge, now).await?;
        let mut purged = 0;
        let mut listing = self.listing();
        while let Some(page) = listing.next_page().await? {
            for listed in page {
                if purge.concerns_entry(&listed.entry) {
                    purged += u64::from(self.purge_entry(&listed, soft, now).await?);
                }
            }
        }
        if let Purge::Target(target) = purge
            && !soft
        {
            // With the index of its variants.
            self.remove(target).await?;
        }
        Ok(purged)
    }

    /// `false` if it is gone, or another one.
    async fn purge_entry(
        &self,
        listed: &Listed<S::Version>,
        soft: bool,
        now: Timestamp,
    ) -> Result<bool, S::Error> {
        let Listed { key, entry, .. } = listed;
        if !soft {
            self.remove_entry(key).await?;
            return Ok(true);
        }
        let policy = &entry.policy;
        let lifetime = policy.lifetime.milliseconds.min(policy.age(now));
        let record = entry.with_lifetime(lifetime);
        let left = std::time::Duration::from_millis(entry.expires.since(now).max(1));
        let version = Some(listed.version);
        self.store
            .compare_and_set(key, version, &record, left)
            .await
    }
}
