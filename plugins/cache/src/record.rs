//! A stored response as bytes: read in place, without a copy.

use std::ops::Range;

use bytes::Bytes;
use http_cache::{Fields, Lifetime, LifetimeSource, List, Policy, Timestamp, cache_groups};

use crate::target::Target;

/// A record begins with its layout's number: one of another version is not read.
const LAYOUT: u8 = 1;
const ENTRY: u8 = 1;
const INDEX: u8 = 2;

/// The numbers of an entry come first, at fixed places.
mod place {
    use std::ops::Range;

    pub(super) const STATUS: Range<usize> = 2..4;
    pub(super) const FLAGS: usize = 4;
    pub(super) const SOURCE: usize = 5;
    pub(super) const RECEIVED: Range<usize> = 8..16;
    pub(super) const INITIAL_AGE: Range<usize> = 16..24;
    pub(super) const LIFETIME: Range<usize> = 24..32;
    pub(super) const STALE_WHILE_REVALIDATE: Range<usize> = 32..40;
    pub(super) const STALE_IF_ERROR: Range<usize> = 40..48;
    pub(super) const LENGTH: Range<usize> = 48..56;
    pub(super) const BODY: Range<usize> = 56..72;
    pub(super) const FIELDS: Range<usize> = 72..76;
    pub(super) const NOTES: Range<usize> = 76..80;
    pub(super) const END: usize = 80;
}

mod flag {
    pub(super) const NO_CACHE: u8 = 1;
    pub(super) const FORBIDS_STALE: u8 = 2;
    pub(super) const IMMUTABLE: u8 = 4;
    pub(super) const SHARED: u8 = 8;
    pub(super) const PIECES: u8 = 16;
    pub(super) const GROUPS: u8 = 32;
}

/// The name under which the pieces of a body are stored.
pub(crate) type BodyId = [u8; 16];

/// Where the body of an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// In the record itself.
    Inline(Bytes),
    /// In pieces of their own.
    Pieces { id: BodyId, length: u64 },
}

/// A stored response.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    record: Bytes,
    pub(crate) status: u16,
    pub(crate) policy: Policy,
    fields: Range<usize>,
    notes: Range<usize>,
    pub(crate) content: Content,
}

/// What an entry is made of.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) status: u16,
    pub(crate) policy: Policy,
    pub(crate) fields: List,
    /// The URI of its target.
    pub(crate) target: String,
    /// Its groups (RFC 9875).
    pub(crate) groups: Vec<String>,
}

impl Draft {
    pub(crate) fn new(target: &Target, status: u16, policy: Policy, fields: List) -> Self {
        Self {
            status,
            policy,
            groups: cache_groups(&fields),
            fields,
            target: target.uri().to_owned(),
        }
    }

    /// The head of a record; [`finished`] completes it.
    pub(crate) fn head(&self) -> Vec<u8> {
        let policy = &self.policy;
        let mut head = vec![0; place::END];
        head[0] = LAYOUT;
        head[1] = ENTRY;
        head[place::STATUS].copy_from_slice(&self.status.to_le_bytes());
        let flags = [
            (policy.no_cache, flag::NO_CACHE),
            (policy.forbids_stale, flag::FORBIDS_STALE),
            (policy.immutable, flag::IMMUTABLE),
            (policy.shared, flag::SHARED),
            (!self.groups.is_empty(), flag::GROUPS),
        ];
        let set = flags.into_iter().filter(|(set, _)| *set);
        head[place::FLAGS] = set.fold(0, |flags, (_, flag)| flags | flag);
        head[place::SOURCE] = policy.lifetime.source as u8;
        head[place::RECEIVED].copy_from_slice(&policy.received.0.to_le_bytes());
        let numbers = [
            (place::INITIAL_AGE, policy.initial_age),
            (place::LIFETIME, policy.lifetime.milliseconds),
            (place::STALE_WHILE_REVALIDATE, policy.stale_while_revalidate),
            (place::STALE_IF_ERROR, policy.stale_if_error),
        ];
        for (place, number) in numbers {
            head[place].copy_from_slice(&number.to_le_bytes());
        }
        for (name, value) in &self.fields.0 {
            // The host's limits are far below.
            let name_length = u16::try_from(name.len()).unwrap_or(u16::MAX);
            let value_length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            head.extend_from_slice(&name_length.to_le_bytes());
            head.extend_from_slice(&value_length.to_le_bytes());
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(value);
        }
        let fields = head.len() - place::END;
        head.extend_from_slice(self.target.as_bytes());
        for group in &self.groups {
            head.push(b'\n');
            head.extend_from_slice(group.as_bytes());
        }
        let notes = head.len() - place::END - fields;
        for (place, length) in [(place::FIELDS, fields), (place::NOTES, notes)] {
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            head[place].copy_from_slice(&length.to_le_bytes());
        }
        head
    }
}

/// The record with its content.
pub(crate) fn finished(mut head: Vec<u8>, content: &Content) -> Vec<u8> {
    let length = content.length();
    head[place::LENGTH].copy_from_slice(&length.to_le_bytes());
    match content {
        Content::Inline(bytes) => {
            head[place::FLAGS] &= !flag::PIECES;
            head.extend_from_slice(bytes);
        }
        Content::Pieces { id, .. } => {
            head[place::FLAGS] |= flag::PIECES;
            head[place::BODY].copy_from_slice(id);
        }
    }
    head
}

impl Content {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Pieces { length, .. } => *length,
        }
    }
}

impl Entry {
    /// Reads a record; `None` if it is none of this version.
    pub(crate) fn read(record: Bytes) -> Option<Self> {
        let is_entry = record.len() >= place::END && record[..2] == [LAYOUT, ENTRY];
        is_entry.then_some(())?;
        let flags = record[place::FLAGS];
        let has = |flag: u8| flags & flag != 0;
        let fields =
            place::END..place::END + usize::try_from(u32_at(&record, place::FIELDS)?).ok()?;
        let notes =
            fields.end..fields.end + usize::try_from(u32_at(&record, place::NOTES)?).ok()?;
        (notes.end <= record.len()).then_some(())?;
        let length = u64_at(&record, place::LENGTH)?;
        let content = if has(flag::PIECES) {
            let id = record[place::BODY].try_into().ok()?;
            Content::Pieces { id, length }
        } else {
            Content::Inline(record.slice(notes.end..))
        };
        let policy = Policy {
            received: Timestamp(i64::from_le_bytes(record[place::RECEIVED].try_into().ok()?)),
            initial_age: u64_at(&record, place::INITIAL_AGE)?,
            lifetime: Lifetime {
                milliseconds: u64_at(&record, place::LIFETIME)?,
                source: source(record[place::SOURCE]),
            },
            no_cache: has(flag::NO_CACHE),
            forbids_stale: has(flag::FORBIDS_STALE),
            immutable: has(flag::IMMUTABLE),
            shared: has(flag::SHARED),
            stale_while_revalidate: u64_at(&record, place::STALE_WHILE_REVALIDATE)?,
            stale_if_error: u64_at(&record, place::STALE_IF_ERROR)?,
        };
        let status = u16::from_le_bytes(record[place::STATUS].try_into().ok()?);
        Some(Self {
            status,
            policy,
            fields,
            notes,
            content,
            record,
        })
    }

    /// Its groups (RFC 9875).
    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        let notes = match self.record[place::FLAGS] & flag::GROUPS {
            0 => "",
            _ => std::str::from_utf8(&self.record[self.notes.clone()]).unwrap_or_default(),
        };
        notes.split('\n').skip(1)
    }
}

impl Fields for Entry {
    fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.all().filter(move |(known, _)| *known == name);
        named.map(|(_, value)| value)
    }

    fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        FieldsIn(&self.record[self.fields.clone()])
    }
}

struct FieldsIn<'a>(&'a [u8]);

impl<'a> Iterator for FieldsIn<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (lengths, rest) = self.0.split_at_checked(6)?;
        let name = usize::from(u16::from_le_bytes([lengths[0], lengths[1]]));
        let value = u32::from_le_bytes([lengths[2], lengths[3], lengths[4], lengths[5]]);
        let (name, rest) = rest.split_at_checked(name)?;
        let (value, rest) = rest.split_at_checked(usize::try_from(value).ok()?)?;
        self.0 = rest;
        Some((std::str::from_utf8(name).ok()?, value))
    }
}

fn source(number: u8) -> LifetimeSource {
    let all = [
        LifetimeSource::SMaxage,
        LifetimeSource::MaxAge,
        LifetimeSource::Expires,
        LifetimeSource::Heuristic,
    ];
    let known = all.into_iter().find(|source| *source as u8 == number);
    known.unwrap_or(LifetimeSource::Nothing)
}

fn u64_at(record: &[u8], place: Range<usize>) -> Option<u64> {
    Some(u64::from_le_bytes(record.get(place)?.try_into().ok()?))
}

fn u32_at(record: &[u8], place: Range<usize>) -> Option<u32> {
    Some(u32::from_le_bytes(record.get(place)?.try_into().ok()?))
}

/// What is stored for a target whose responses have `Vary`: by which fields its variants are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    /// Belongs to the key of each variant, so that they can't be found once the index is gone.
    pub(crate) epoch: [u8; 8],
    /// The names of each `Vary`, with commas between them; the last one stored comes first.
    pub(crate) names: Vec<String>,
}

/// A target has variants by at most so many different `Vary`.
const MOST_NAMES: usize = 4;

impl Index {
    /// Reads a record; `None` if it is none of this version.
    pub(crate) fn read(record: &[u8]) -> Option<Self> {
        let rest = record.strip_prefix(&[LAYOUT, INDEX])?;
        let (epoch, names) = rest.split_at_checked(8)?;
        let names = std::str::from_utf8(names).ok()?;
        Some(Self {
            epoch: epoch.try_into().ok()?,
            names: names.split('\n').map(ToOwned::to_owned).collect(),
        })
    }

    pub(crate) fn record(&self) -> Vec<u8> {
        let mut record = vec![LAYOUT, INDEX];
        record.extend_from_slice(&self.epoch);
        record.extend_from_slice(self.names.join("\n").as_bytes());
        record
    }

    /// Puts these names first.
    pub(crate) fn add(&mut self, names: &str) {
        self.names.retain(|known| known != names);
        self.names.insert(0, names.to_owned());
        self.names.truncate(MOST_NAMES);
    }
}
