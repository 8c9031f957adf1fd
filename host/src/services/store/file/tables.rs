//! The tables of the file, and what each operation does with them.
//!
//! | table | key | value |
//! |---|---|---|
//! | `stackup-entries` | namespace, NUL, key | an entry ([`Record`]) |
//! | `stackup-ends` | end, key of the entry | |
//! | `stackup-meta` | `format`, `version` | a number |

use redb::{
    ReadTransaction, ReadableTable, StorageError, Table, TableDefinition, TableError,
    WriteTransaction,
};
use stackup_plugin::abi::host::{StoreFailure, StoreReply};

use super::change::{Change, ChangeKind, ReadRequest, end, full_key};
use super::record::{NEVER, Record};
use crate::services::store::command::NamespaceUse;
use crate::services::store::key::Uses;
use crate::services::store::limits::{not_a_number, number};

const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("stackup-entries");
const ENDS: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("stackup-ends");
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("stackup-meta");

/// The bytes of a page of a scan, more or less.
const PAGE_BYTES: usize = 4 << 20;

/// The clock that all processes share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// Milliseconds since the Unix epoch.
    pub(super) milliseconds: u64,
    /// The same in microseconds.
    pub(super) microseconds: u64,
}

impl Now {
    /// The epoch if the clock is before it.
    pub(super) fn read() -> Self {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        let since = since.unwrap_or_default();
        Self {
            milliseconds: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            microseconds: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// The tables in a transaction that writes.
pub(super) struct Tables<'t> {
    entries: Table<'t, &'static [u8], &'static [u8]>,
    ends: Table<'t, (u64, &'static [u8]), ()>,
    meta: Table<'t, &'static str, u64>,
    /// The last version that was given.
    version: u64,
    /// Whether anything has changed.
    pub(super) changed: bool,
    now: Now,
}

impl<'t> Tables<'t> {
    /// Opens them, and makes those that are missing.
    pub(super) fn open(transaction: &'t WriteTransaction, now: Now) -> Result<Self, TableError> {
        let meta = transaction.open_table(META)?;
        let version = meta.get("version")?.map_or(0, |version| version.value());
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            ends: transaction.open_table(ENDS)?,
            meta,
            version,
            changed: false,
            now,
        })
    }

    /// Ends the use of the tables: without it no version may be committed.
    pub(super) fn finish(mut self) -> Result<(), StorageError> {
        self.meta.insert("version", self.version)?;
        Ok(())
    }

    /// Runs one change.
    pub(super) fn run(
        &mut self,
        change: &Change,
    ) -> Result<Result<StoreReply, StoreFailure>, StorageError> {
        let (key, now) = (&*change.key, self.now.milliseconds);
        let found = self.find(key, matches!(change.kind, ChangeKind::Add { .. }))?;
        let old_end = found.as_ref().map(|found| found.end);
        let living = found.filter(|found| found.lives);
        Ok(Ok(match &change.kind {
            ChangeKind::Set { value, ttl } => {
                let end = end(now, *ttl);
                StoreReply::Stored(self.store(key, old_end, end, value)?)
            }
            ChangeKind::Delete => {
                let reply = match living {
                    Some(_) => StoreReply::Deleted,
                    None => StoreReply::Missing,
                };
                if let Some(old_end) = old_end {
                    self.remove(key, old_end)?;
                }
                reply
            }
            ChangeKind::Add { delta, ttl } => {
                let (before, end) = match living {
                    Some(living) => (living.number, living.end),
                    None => (Some(0), end(now, *ttl)),
                };
                let Some(sum) = before.and_then(|before| before.checked_add(*delta)) else {
                    return Ok(Err(not_a_number()));
                };
                self.store(key, old_end, end, sum.to_string().as_bytes())?;
                StoreReply::Number(sum)
            }
            ChangeKind::CompareAndSet {
                expected,
                value,
                ttl,
            } => {
                if living.map(|living| living.version) != *expected {
                    return Ok(Ok(StoreReply::Conflict));
                }
                let end = end(now, *ttl);
                StoreReply::Stored(self.store(key, old_end, end, value)?)
            }
        }))
    }

    /// What there is of a key, whether or not it has expired.
    fn find(&self, key: &[u8], is_counter: bool) -> Result<Option<Found>, StorageError> {
        let Some(bytes) = self.entries.get(key)? else {
            return Ok(None);
        };
        let record = record(bytes.value())?;
        Ok(Some(Found {
            version: record.version,
            end: record.end,
            lives: record.lives(self.now.milliseconds),
            number: is_counter.then(|| number(record.value)).flatten(),
        }))
    }

    /// Removes entries that have expired, at most as many.
    pub(super) fn sweep(&mut self, most: usize) -> Result<(), StorageError> {
        for _ in 0..most {
            let first = self.ends.first()?;
            let due = first.and_then(|(first, _)| {
                let (end, key) = first.value();
                (end <= self.now.milliseconds).then(|| (end, key.to_vec()))
            });
            let Some((end, key)) = due else { break };
            self.remove(&key, end)?;
        }
        Ok(())
    }

    fn remove(&mut self, key: &[u8], end: u64) -> Result<(), StorageError> {
        self.changed = true;
        self.entries.remove(key)?;
        self.forget_end(key, end)
    }

    fn store(
        &mut self,
        key: &[u8],
        old_end: Option<u64>,
        end: u64,
        value: &[u8],
    ) -> Result<u64, StorageError> {
        self.changed = true;
        // The clock makes versions new even if an older file takes the place of this one.
        self.version = self.now.microseconds.max(self.version + 1);
        let record = Record {
            version: self.version,
            end,
            value,
        };
        self.entries.insert(key, &*record.bytes())?;
        if old_end != Some(end) {
            self.forget_end(key, old_end.unwrap_or(NEVER))?;
            if end != NEVER {
                self.ends.insert((end, key), ())?;
            }
        }
        Ok(self.version)
    }

    fn forget_end(&mut self, key: &[u8], end: u64) -> Result<(), StorageError> {
        if end != NEVER {
            self.ends.remove((end, key))?;
        }
        Ok(())
    }
}

/// An entry without its value.
struct Found {
    version: u64,
    end: u64,
    lives: bool,
    /// Its value, if it was asked for and is a number.
    number: Option<i64>,
}

/// Whether an entry has expired that was not removed.
pub(super) fn has_expired(transaction: &ReadTransaction, now: Now) -> Result<bool, TableError> {
    let ends = transaction.open_table(ENDS)?;
    let first = ends.first()?;
    Ok(first.is_some_and(|(first, _)| first.value().0 <= now.milliseconds))
}

/// The numbers of entries and of ends.
#[cfg(test)]
pub(super) fn count(transaction: &ReadTransaction) -> Result<(u64, u64), TableError> {
    use redb::ReadableTableMetadata;
    let entries = transaction.open_table(ENTRIES)?.len()?;
    Ok((entries, transaction.open_table(ENDS)?.len()?))
}

/// What the namespaces take.
pub(super) fn namespaces(
    transaction: &ReadTransaction,
    now: Now,
) -> Result<Vec<NamespaceUse>, TableError> {
    let mut uses = Uses::default();
    for entry in transaction.open_table(ENTRIES)?.iter()? {
        let (key, stored) = entry?;
        let record = record(stored.value())?;
        if record.lives(now.milliseconds) {
            uses.add(key.value(), record.value.len());
        }
    }
    Ok(uses.list())
}

/// Runs a request that only reads.
pub(super) fn read(
    transaction: &ReadTransaction,
    namespace: &str,
    request: &ReadRequest,
    now: Now,
) -> Result<StoreReply, TableError> {
    let entries = transaction.open_table(ENTRIES)?;
    let (prefix, after, limit) = match request {
        ReadRequest::Get { key } => {
            let found = entries.get(&*full_key(namespace, key))?;
            let found = found.as_ref().map(|bytes| record(bytes.value()));
            let living = found.transpose()?.filter(|it| it.lives(now.milliseconds));
            return Ok(match living {
                Some(living) => StoreReply::Entry {
                    value: living.value.to_vec().into(),
                    version: living.version,
                },
                None => StoreReply::Missing,
            });
        }
        ReadRequest::Scan {
            prefix,
            after,
            limit,
        } => (prefix, after, *limit),
    };
    let first = full_key(namespace, prefix);
    let after = after.as_ref().map(|after| full_key(namespace, after));
    let from = after.as_ref().filter(|after| **after > first);
    let (mut page, mut bytes) = (Vec::new(), 0);
    for entry in entries.range::<&[u8]>(&**from.unwrap_or(&first)..)? {
        let (key, stored) = entry?;
        let key = key.value();
        if !key.starts_with(&first) {
            break;
        }
        let record = record(stored.value())?;
        if after.as_deref() == Some(key) || !record.lives(now.milliseconds) {
            continue;
        }
        bytes += key.len() + record.value.len();
        if page.len() == limit || (bytes > PAGE_BYTES && !page.is_empty()) {
            let (entries, more) = (page, true);
            return Ok(StoreReply::Page { entries, more });
        }
        let key = key.get(namespace.len() + 1..).unwrap_or_default();
        page.push((key.to_vec(), record.value.to_vec().into(), record.version));
    }
    let (entries, more) = (page, false);
    Ok(StoreReply::Page { entries, more })
}

fn record(bytes: &[u8]) -> Result<Record<'_>, StorageError> {
    Record::read(bytes).ok_or_else(|| StorageError::Corrupted("an entry is too short".to_owned()))
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
