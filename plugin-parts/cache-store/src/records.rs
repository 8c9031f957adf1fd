//! What a cache needs of a store.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use stackup_plugin::{EntryVersion, Store, StoreEntry, StoreError};

/// A record and its version.
#[derive(Debug, Clone)]
pub struct Stored<V> {
    /// The bytes, shared with the store.
    pub value: Bytes,
    /// For [`Records::compare_and_set`].
    pub version: V,
}

/// Keys and records of a page, and whether more follow.
pub type Page<V> = (Vec<(Bytes, Stored<V>)>, bool);

/// A namespace of a store: [`Store`] in a plugin, the engine itself in the host.
pub trait Records: Send + Sync {
    /// A version of a record: each change has another one.
    type Version: Copy + Send + Sync;
    /// Why an operation failed.
    type Error: Send;

    /// The record of `key`.
    fn get(
        &self,
        key: &[u8],
    ) -> impl Future<Output = Result<Option<Stored<Self::Version>>, Self::Error>> + Send;

    /// Stores a record for `ttl`, in place of the one before.
    fn set(
        &self,
        key: &[u8],
        value: &[u8],
        ttl: Duration,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes a record.
    fn delete(&self, key: &[u8]) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Stores a record if the one before has this version, or if there is none; `false` if not.
    fn compare_and_set(
        &self,
        key: &[u8],
        expected: Option<Self::Version>,
        value: &[u8],
        ttl: Duration,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// At most `limit` records whose keys begin with `prefix` and follow `after`, in the order of their keys.
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<Self::Version>, Self::Error>> + Send;
}

impl Records for Store {
    type Version = EntryVersion;
    type Error = StoreError;

    async fn get(&self, key: &[u8]) -> Result<Option<Stored<EntryVersion>>, StoreError> {
        let entry = Self::get(self, key).await?;
        Ok(entry.map(|entry| Stored {
            value: entry.value,
            version: entry.version,
        }))
    }

    async fn set(&self, key: &[u8], value: &[u8], ttl: Duration) -> Result<(), StoreError> {
        Self::set(self, key, value, ttl).await.map(drop)
    }

    async fn delete(&self, key: &[u8]) -> Result<(), StoreError> {
        Self::delete(self, key).await.map(drop)
    }

    async fn compare_and_set(
        &self,
        key: &[u8],
        expected: Option<EntryVersion>,
        value: &[u8],
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let stored = Self::compare_and_set(self, key, expected, value, ttl).await?;
        Ok(stored.is_some())
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page<EntryVersion>, StoreError> {
        let page = Self::scan(self, prefix, after, limit).await?;
        let entries = page.entries.into_iter().map(|(key, entry)| {
            let StoreEntry { value, version } = entry;
            (key, Stored { value, version })
        });
        Ok((entries.collect(), page.more))
    }
}
