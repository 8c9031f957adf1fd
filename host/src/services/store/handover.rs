//! What the store in memory hands over to the next process.

use std::io::{self, BufReader, Read, Seek, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::memory::{Entry, Memory, Value, end};
use super::snapshot::{Record, RecordValue, SnapshotError, SnapshotReader, SnapshotWriter};

/// A moment, for this process and for all others on the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Instant,
    /// The same in nanoseconds of the system's monotonic clock.
    pub(super) clock: Duration,
}

impl Moment {
    /// # Errors
    ///
    /// The system has no monotonic clock.
    pub(super) fn now() -> io::Result<Self> {
        let clock = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?;
        Ok(Self {
            now: Instant::now(),
            clock: clock.into(),
        })
    }
}

impl Memory {
    /// Writes the entries that live. Other threads may use the store: each entry is whole, whatever they change.
    pub(super) fn save(&self, to: impl Write, at: Moment) -> io::Result<()> {
        let mut snapshot = SnapshotWriter::begin(to, at.clock)?;
        for (key, entry) in self.entries.iter() {
            if !entry.lives(at.now) {
                continue;
            }
            let remaining = |end: Instant| end.saturating_duration_since(at.now);
            snapshot.entry(&Record {
                key: &key,
                value: match &entry.value {
                    Value::Bytes(bytes) => RecordValue::Bytes(bytes),
                    Value::Number(number) => RecordValue::Number(*number),
                },
                version: entry.version,
                remaining: entry.expires.map(remaining),
            })?;
        }
        snapshot.end(self.version.load(Ordering::Relaxed))
    }

    /// Adds the entries of a snapshot, over those of the same keys, and returns how many. Adds nothing if any of it is
    /// damaged.
    pub(super) fn load(
        &self,
        mut from: impl Read + Seek,
        at: Moment,
    ) -> Result<u64, SnapshotError> {
        from.rewind()?;
        let mut snapshot = SnapshotReader::begin(BufReader::new(&mut from))?;
        while snapshot.next()?.is_some() {}
        // Before any entry: no version below is given again.
        self.version
            .fetch_max(snapshot.last_version, Ordering::Relaxed);
        from.rewind()?;
        let mut snapshot = SnapshotReader::begin(BufReader::new(&mut from))?;
        let since = at.clock.saturating_sub(snapshot.clock);
        let mut added = 0;
        while let Some(record) = snapshot.next()? {
            added += u64::from(self.add_record(&record, since, at.now));
        }
        Ok(added)
    }

    /// Whether the entry still lives and fits.
    fn add_record(&self, record: &Record<'_>, since: Duration, now: Instant) -> bool {
        let remaining = record.remaining.map(|left| left.saturating_sub(since));
        if remaining == Some(Duration::ZERO) {
            return false;
        }
        let entry = Entry {
            value: match record.value {
                RecordValue::Bytes(bytes) => Value::Bytes(Bytes::copy_from_slice(bytes)),
                RecordValue::Number(number) => Value::Number(number),
            },
            version: record.version,
            expires: end(now, remaining),
        };
        let fits = entry.weight(record.key.len()) <= self.largest;
        if fits {
            self.entries.insert(record.key.to_vec(), entry);
        }
        fits
    }
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
