//! A namespace of this process's store, for the library that the plugin `cache` uses too.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_store::{Page, Records, Stored};
use stackup_plugin::abi::host::{StoreAnswer, StoreNamespace, StoreReply, StoreRequest};

/// A namespace.
pub(super) struct HostRecords(pub(super) Arc<dyn StoreNamespace>);

impl HostRecords {
    async fn call(&self, request: StoreRequest<'_>) -> Result<StoreReply, String> {
        let reply = match self.0.call(request) {
            StoreAnswer::Ready(reply) => reply,
            StoreAnswer::Later(later) => later.await,
        };
        reply.map_err(|failure| failure.message)
    }
}

impl Records for HostRecords {
    type Version = u64;
    type Error = String;

    async fn get(&self, key: &[u8]) -> Result<Option<Stored<u64>>, String> {
        Ok(match self.call(StoreRequest::Get { key }).await? {
            StoreReply::Entry { value, version } => Some(Stored { value, version }),
            _ => None,
        })
    }

    async fn set(&self, key: &[u8], value: &[u8], ttl: Duration) -> Result<(), String> {
        let ttl = Some(ttl);
        self.call(StoreRequest::Set { key, value, ttl })
            .await
            .map(drop)
    }

    async fn delete(&self, key: &[u8]) -> Result<(), String> {
        self.call(StoreRequest::Delete { key }).await.map(drop)
    }

    async fn compare_and_set(
        &self,
        key: &[u8],
        expected: Option<u64>,
        value: &[u8],
        ttl: Duration,
    ) -> Result<bool, String> {
        let request = StoreRequest::CompareAndSet {
            key,
            expected,
            value,
            ttl: Some(ttl),
        };
        let reply = self.call(request).await?;
        Ok(matches!(reply, StoreReply::Stored(_)))
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page<u64>, String> {
        let request = StoreRequest::Scan {
            prefix,
            after,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        };
        match self.call(request).await? {
            StoreReply::Page { entries, more } => {
                let entries = entries.into_iter();
                let page = entries
                    .map(|(key, value, version)| (Bytes::from(key), Stored { value, version }));
                Ok((page.collect(), more))
            }
            other => Err(format!("the engine answered another question: {other:?}")),
        }
    }
}
