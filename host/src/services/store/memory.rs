//! The store in memory: bounded in bytes, entries of least use go first.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use quick_cache::{OptionsBuilder, Weighter};
use stackup_plugin::abi::host::{
    StoreAnswer, StoreFailure, StoreFailureKind, StoreReply, StoreRequest,
};
use tokio::runtime::Handle;

use super::command::NamespaceUse;
use super::handover::Moment;
use super::key::{Scan, Uses, with_key};
use super::limits::{failure, not_a_number, number, shutting_down};
use super::snapshot::SnapshotError;
use super::{EngineStatus, NamespaceUses, StoreEngine};

/// What an entry costs besides its key and value: its place in the map, the header of its value.
const OVERHEAD: u64 = 128;

/// The size of an average entry, from which the map's first size follows.
const AVERAGE: u64 = 1024;

/// Shards, so that threads seldom wait for each other; few enough that the largest value fits into one.
const SHARDS: usize = 8;

/// Entries in memory. Cheap to clone.
#[derive(Clone)]
pub(super) struct MemoryStore(pub(super) Arc<Memory>);

pub(super) struct Memory {
    pub(super) entries: Cache<Vec<u8>, Entry, Size>,
    /// The last version. Versions of all keys come from one counter, so a key never has one twice.
    pub(super) version: AtomicU64,
    /// The largest weight of one entry: it must leave room for others in its shard.
    pub(super) largest: u64,
    /// Where a scan runs.
    runtime: Handle,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) version: u64,
    pub(super) expires: Option<Instant>,
}

#[derive(Clone)]
pub(super) enum Value {
    Bytes(Bytes),
    /// A counter, which needs no new memory for each sum.
    Number(i64),
}

#[derive(Clone)]
pub(super) struct Size;

impl Weighter<Vec<u8>, Entry> for Size {
    fn weight(&self, key: &Vec<u8>, entry: &Entry) -> u64 {
        entry.weight(key.len())
    }
}

impl MemoryStore {
    /// A store of at most `bytes`, entries' own costs included. Scans run on `runtime`'s threads for blocking calls. Its
    /// versions follow `last_version`.
    pub(super) fn new(bytes: u64, last_version: u64, runtime: Handle) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(usize::try_from(bytes / AVERAGE).unwrap_or(usize::MAX))
            .weight_capacity(bytes)
            .shards(SHARDS)
            .build();
        // Both capacities are given, and nothing else is required.
        let Ok(options) = options else { unreachable!() };
        let entries = Cache::with_options(options, Size, Default::default(), Default::default());
        Self(Arc::new(Memory {
            largest: entries.shard_capacity() / 2,
            entries,
            version: AtomicU64::new(last_version),
            runtime,
        }))
    }
}

impl StoreEngine for MemoryStore {
    fn call(&self, namespace: &str, request: StoreRequest<'_>) -> StoreAnswer {
        if let StoreRequest::Scan {
            prefix,
            after,
            limit,
        } = request
        {
            let (memory, scan) = (
                Arc::clone(&self.0),
                Scan::new(namespace, prefix, after, limit),
            );
            let found = self
                .0
                .runtime
                .spawn_blocking(move || memory.scan(&scan, Instant::now()));
            return StoreAnswer::Later(Box::pin(async {
                found.await.map_err(|_| shutting_down())
            }));
        }
        StoreAnswer::Ready(self.0.run(namespace, request, Instant::now()))
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            engine: "memory",
            place: None,
            trouble: None,
        }
    }

    fn namespaces(&self) -> NamespaceUses {
        let memory = Arc::clone(&self.0);
        let found = self
            .0
            .runtime
            .spawn_blocking(move || memory.namespaces(Instant::now()));
        Box::pin(async { found.await.map_err(|_| shutting_down()) })
    }

    fn ends_with_process(&self) -> bool {
        true
    }

    fn save(&self, to: &File) -> io::Result<()> {
        self.0.save(BufWriter::new(to), Moment::now()?)
    }

    fn load(&self, from: &File) -> Result<u64, SnapshotError> {
        self.0.load(from, Moment::now()?)
    }
}

impl Memory {
    pub(super) fn run(
        &self,
        namespace: &str,
        request: StoreRequest<'_>,
        now: Instant,
    ) -> Result<StoreReply, StoreFailure> {
        match request {
            StoreRequest::Get { key } => Ok(with_key(namespace, key, |key| self.get(key, now))),
            StoreRequest::Set { key, value, ttl } => with_key(namespace, key, |key| {
                let entry = self.entry(key, value, now, ttl)?;
                let stored = StoreReply::Stored(entry.version);
                self.entries.insert(key.to_vec(), entry);
                Ok(stored)
            }),
            StoreRequest::Delete { key } => Ok(with_key(namespace, key, |key| {
                match self.entries.remove(key) {
                    Some((_, entry)) if entry.lives(now) => StoreReply::Deleted,
                    _ => StoreReply::Missing,
                }
            })),
            StoreRequest::Add { key, delta, ttl } => {
                with_key(namespace, key, |key| self.add(key, delta, now, ttl))
            }
            StoreRequest::CompareAndSet {
                key,
                expected,
                value,
                ttl,
            } => with_key(namespace, key, |key| {
                let entry = self.entry(key, value, now, ttl)?;
                Ok(self.compare_and_set(key, expected, entry, now))
            }),
            StoreRequest::Scan {
                prefix,
                after,
                limit,
            } => Ok(self.scan(&Scan::new(namespace, prefix, after, limit), now)),
        }
    }

    fn get(&self, key: &[u8], now: Instant) -> StoreReply {
        let Some(entry) = self.entries.get(key) else {
            return StoreReply::Missing;
        };
        if !entry.lives(now) {
            self.entries
                .remove_if(key, |current| current.version == entry.version);
            return StoreReply::Missing;
        }
        StoreReply::Entry {
            version: entry.version,
            value: entry.value.into_bytes(),
        }
    }

    fn add(
        &self,
        key: &[u8],
        delta: i64,
        now: Instant,
        ttl: Option<Duration>,
    ) -> Result<StoreReply, StoreFailure> {
        loop {
            let found = self.entries.entry(key, None, |_, entry| {
                if !entry.lives(now) {
                    return EntryAction::ReplaceWithGuard;
                }
                EntryAction::Retain(
                    match entry.value.number().and_then(|n| n.checked_add(delta)) {
                        Some(sum) => {
                            entry.value = Value::Number(sum);
                            entry.version = self.next_version();
                            Ok(StoreReply::Number(sum))
                        }
                        None => Err(not_a_number()),
                    },
                )
            });
            let place = match found {
                EntryResult::Retained(reply) => return reply,
                EntryResult::Vacant(place) | EntryResult::Replaced(place, _) => place,
                // The action never asks for the one, nor the call for the other.
                EntryResult::Removed(..) | EntryResult::Timeout => continue,
            };
            let entry = Entry {
                value: Value::Number(delta),
                version: self.next_version(),
                expires: end(now, ttl),
            };
            // It fails if a `set` has come between: then that value counts.
            if place.insert(entry).is_ok() {
                return Ok(StoreReply::Number(delta));
            }
        }
    }

    fn compare_and_set(
        &self,
        key: &[u8],
        expected: Option<u64>,
        new: Entry,
        now: Instant,
    ) -> StoreReply {
        let stored = StoreReply::Stored(new.version);
        loop {
            let found = self.entries.entry(key, None, |_, entry| {
                if !entry.lives(now) {
                    return EntryAction::ReplaceWithGuard;
                }
                EntryAction::Retain(if expected == Some(entry.version) {
                    entry.clone_from(&new);
                    stored.clone()
                } else {
                    StoreReply::Conflict
                })
            });
            let place = match found {
                EntryResult::Retained(reply) => return reply,
                EntryResult::Vacant(place) | EntryResult::Replaced(place, _) => place,
                EntryResult::Removed(..) | EntryResult::Timeout => continue,
            };
            if expected.is_some() {
                return StoreReply::Conflict;
            }
            if place.insert(new.clone()).is_ok() {
                return stored;
            }
        }
    }

    fn scan(&self, scan: &Scan, now: Instant) -> StoreReply {
        let mut found = BTreeMap::new();
        for (key, entry) in self.entries.iter() {
            if !scan.covers(&key) || !entry.lives(now) {
                continue;
            }
            found.insert(key, entry);
            // One more than the page, to know whether entries follow.
            if found.len() > scan.limit.saturating_add(1) {
                found.pop_last();
            }
        }
        let more = found.len() > scan.limit;
        let entries = found.into_iter().take(scan.limit);
        let entries = entries.map(|(key, entry)| {
            let key = key.get(scan.namespace..).unwrap_or_default().to_vec();
            (key, entry.value.into_bytes(), entry.version)
        });
        StoreReply::Page {
            entries: entries.collect(),
            more,
        }
    }

    fn namespaces(&self, now: Instant) -> Vec<NamespaceUse> {
        let mut uses = Uses::default();
        for (key, entry) in self.entries.iter() {
            if entry.lives(now) {
                uses.add(&key, entry.value.into_bytes().len());
            }
        }
        uses.list()
    }

    /// A new entry, unless it is too large.
    fn entry(
        &self,
        key: &[u8],
        value: &[u8],
        now: Instant,
        ttl: Option<Duration>,
    ) -> Result<Entry, StoreFailure> {
        let weight = OVERHEAD + (key.len() + value.len()) as u64;
        if weight > self.largest {
            let message = format!(
                "the entry takes {weight} bytes, and this store holds entries of at most {}: raise `[store] memory`",
                self.largest
            );
            return Err(failure(StoreFailureKind::TooLarge, message));
        }
        Ok(Entry {
            value: Value::Bytes(Bytes::copy_from_slice(value)),
            version: self.next_version(),
            expires: end(now, ttl),
        })
    }

    fn next_version(&self) -> u64 {
        // Only the numbers must differ; the entry itself is published by its shard's lock.
        self.version.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Entry {
    pub(super) fn lives(&self, now: Instant) -> bool {
        self.expires.is_none_or(|end| now < end)
    }

    /// What it costs with a key of this length.
    pub(super) fn weight(&self, key: usize) -> u64 {
        let value = match &self.value {
            Value::Bytes(bytes) => bytes.len(),
            Value::Number(_) => 0,
        };
        OVERHEAD + (key + value) as u64
    }
}

impl Value {
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(number) => number.to_string().into(),
        }
    }

    fn number(&self) -> Option<i64> {
        match self {
            Self::Bytes(bytes) => number(bytes),
            Self::Number(number) => Some(*number),
        }
    }
}

/// When an entry ends. A time beyond the clock's range is no end.
pub(super) fn end(now: Instant, ttl: Option<Duration>) -> Option<Instant> {
    ttl.and_then(|ttl| now.checked_add(ttl))
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
