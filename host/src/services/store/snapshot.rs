//! The entries as bytes, for the process that takes over.
//!
//! ```text
//! "stackup\0"  format: u32  clock: u64
//! 1  version: u64  remaining: u64  key length: u32  value length: u32  key  value      bytes
//! 2  (the same; the value is an i64)                                                   a counter
//! 0  entries: u64  last version: u64                                                   the end
//! ```
//!
//! Numbers are little-endian, times are nanoseconds. Without its end a snapshot is cut, whatever it holds.

use std::io::{self, Read, Write};
use std::time::Duration;

use stackup_plugin::Store;

use super::limits::LONGEST_NAME;

const MAGIC: &[u8; 8] = b"stackup\0";

/// The format. Another one is not read.
const FORMAT: u32 = 1;

const END: u8 = 0;
const BYTES: u8 = 1;
const NUMBER: u8 = 2;

/// The remaining time of an entry that does not expire.
const FOR_EVER: u64 = u64::MAX;

/// A key has its namespace and a NUL before it.
const LONGEST_KEY: usize = LONGEST_NAME + 1 + Store::MAX_KEY;

/// An entry in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: RecordValue<'a>,
    pub(super) version: u64,
    /// How long it lives; none for ever.
    pub(super) remaining: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordValue<'a> {
    Bytes(&'a [u8]),
    Number(i64),
}

/// Why a snapshot can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file can't be read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// It was not written to its end.
    #[error("it is cut off")]
    Cut,
    /// Another version of stackup wrote it.
    #[error("its format is {0}, and this stackup reads format {FORMAT}")]
    Format(u32),
    /// What it holds can't be.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

/// Writes a snapshot.
pub(super) struct SnapshotWriter<W> {
    to: W,
    entries: u64,
}

impl<W: Write> SnapshotWriter<W> {
    /// Begins at the time `clock`, from which the entries' remaining times count.
    pub(super) fn begin(mut to: W, clock: Duration) -> io::Result<Self> {
        to.write_all(MAGIC)?;
        to.write_all(&FORMAT.to_le_bytes())?;
        to.write_all(&nanoseconds(clock).to_le_bytes())?;
        Ok(Self { to, entries: 0 })
    }

    pub(super) fn entry(&mut self, record: &Record<'_>) -> io::Result<()> {
        let number;
        let (kind, value) = match record.value {
            RecordValue::Bytes(bytes) => (BYTES, bytes),
            RecordValue::Number(n) => {
                number = n.to_le_bytes();
                (NUMBER, &number[..])
            }
        };
        let remaining = record.remaining.map_or(FOR_EVER, nanoseconds);
        self.to.write_all(&[kind])?;
        self.to.write_all(&record.version.to_le_bytes())?;
        self.to.write_all(&remaining.to_le_bytes())?;
        for length in [record.key.len(), value.len()] {
            let length = u32::try_from(length).map_err(io::Error::other)?;
            self.to.write_all(&length.to_le_bytes())?;
        }
        self.to.write_all(record.key)?;
        self.to.write_all(value)?;
        self.entries += 1;
        Ok(())
    }

    /// Ends it. `last_version` must be read after the last entry was.
    pub(super) fn end(mut self, last_version: u64) -> io::Result<()> {
        self.to.write_all(&[END])?;
        self.to.write_all(&self.entries.to_le_bytes())?;
        self.to.write_all(&last_version.to_le_bytes())?;
        self.to.flush()
    }
}

/// Reads a snapshot, one entry at a time.
#[derive(Debug)]
pub(super) struct SnapshotReader<R> {
    from: R,
    /// When it was written.
    pub(super) clock: Duration,
    /// The last version; zero before the end is read.
    pub(super) last_version: u64,
    entries: u64,
    /// The key and the value of the entry that was read last.
    text: Vec<u8>,
}

impl<R: Read> SnapshotReader<R> {
    pub(super) fn begin(mut from: R) -> Result<Self, SnapshotError> {
        if read(&mut from)? != *MAGIC {
            return Err(SnapshotError::Damaged("it does not begin as a snapshot"));
        }
        let format = u32::from_le_bytes(read(&mut from)?);
        if format != FORMAT {
            return Err(SnapshotError::Format(format));
        }
        let clock = Duration::from_nanos(u64::from_le_bytes(read(&mut from)?));
        Ok(Self {
            from,
            clock,
            last_version: 0,
            entries: 0,
            text: Vec::new(),
        })
    }

    /// The next entry; none at the end, after which nothing follows.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, SnapshotError> {
        let [kind] = read(&mut self.from)?;
        if kind == END {
            return self.end().map(|()| None);
        }
        let version = u64::from_le_bytes(read(&mut self.from)?);
        let remaining = match u64::from_le_bytes(read(&mut self.from)?) {
            FOR_EVER => None,
            left => Some(Duration::from_nanos(left)),
        };
        let key = length(&mut self.from, LONGEST_KEY)?;
        let value = length(&mut self.from, Store::MAX_VALUE)?;
        self.text.resize(key + value, 0);
        self.from.read_exact(&mut self.text).map_err(cut)?;
        self.entries += 1;
        let (key, value) = self.text.split_at(key);
        let value = match (kind, value.try_into()) {
            (BYTES, _) => RecordValue::Bytes(value),
            (NUMBER, Ok(number)) => RecordValue::Number(i64::from_le_bytes(number)),
            _ => return Err(SnapshotError::Damaged("an entry is of no known kind")),
        };
        Ok(Some(Record {
            key,
            value,
            version,
            remaining,
        }))
    }

    fn end(&mut self) -> Result<(), SnapshotError> {
        if u64::from_le_bytes(read(&mut self.from)?) != self.entries {
            return Err(SnapshotError::Damaged("entries are missing"));
        }
        self.last_version = u64::from_le_bytes(read(&mut self.from)?);
        match self.from.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(SnapshotError::Damaged("something follows its end")),
        }
    }
}

/// A length, unless no entry can have it: then nothing of that size is allocated.
fn length(from: &mut impl Read, most: usize) -> Result<usize, SnapshotError> {
    match usize::try_from(u32::from_le_bytes(read(from)?)) {
        Ok(length) if length <= most => Ok(length),
        _ => Err(SnapshotError::Damaged("an entry is too long")),
    }
}

fn read<const N: usize>(from: &mut impl Read) -> Result<[u8; N], SnapshotError> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(cut)?;
    Ok(bytes)
}

fn cut(error: io::Error) -> SnapshotError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => SnapshotError::Cut,
        _ => SnapshotError::Read(error),
    }
}

/// At most [`FOR_EVER`], which is 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(FOR_EVER)
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
