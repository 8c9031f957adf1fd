//! A stored response as bytes: read in place, without a copy.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use http_cache::{Fields, Lifetime, LifetimeSource, List, Policy, Timestamp, cache_groups};

use crate::place::Place;
use crate::target::Target;

/// A record begins with its layout's number: one of another version is not read.
pub(crate) const LAYOUT: u8 = 2;
const ENTRY: u8 = 1;

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
    /// Until when it is stored.
    pub(super) const EXPIRES: Range<usize> = 80..88;
    pub(super) const END: usize = 88;
}

mod flag {
    pub(super) const NO_CACHE: u8 = 1;
    pub(super) const FORBIDS_STALE: u8 = 2;
    pub(super) const IMMUTABLE: u8 = 4;
    pub(super) const SHARED: u8 = 8;
    pub(super) const PIECES: u8 = 16;
    pub(super) const GROUPS: u8 = 32;
}

/// The notes are lines: the URI, then these, each after its letter.
mod note {
    pub(super) const GROUP: u8 = b'g';
    pub(super) const VARIANT: u8 = b'v';
}

/// The name under which the pieces of a body are stored.
pub type BodyId = [u8; 16];

/// Where the body of an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In the record itself.
    Inline(Bytes),
    /// In pieces of their own.
    Pieces {
        /// The name of the pieces.
        id: BodyId,
        /// The bytes in all of them.
        length: u64,
    },
}

/// A stored response.
#[derive(Debug, Clone)]
pub struct Entry {
    record: Bytes,
    /// The status.
    pub status: u16,
    /// What decides about its reuse.
    pub policy: Policy,
    /// Until when it is stored.
    pub expires: Timestamp,
    fields: Range<usize>,
    notes: Range<usize>,
    /// The body.
    pub content: Content,
}

/// What an entry is made of.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The status.
    pub status: u16,
    /// What decides about its reuse.
    pub policy: Policy,
    /// The fields that are stored.
    pub fields: List,
    /// How long it is stored.
    pub ttl: Duration,
    /// When it was asked for: it is not stored if it was purged since. None if the request itself made a change.
    pub sent: Option<Timestamp>,
    /// The URI of its target.
    pub target: String,
    /// Its groups (RFC 9875).
    pub groups: Vec<String>,
    /// The fields that selected it, if it is one of several variants: `accept-language: de`.
    pub variant: Vec<String>,
}

impl Draft {
    /// A 200 for `target` that belongs at `place`, not to be kept.
    pub fn new(target: &Target, place: &Place, policy: Policy, fields: List) -> Self {
        Self {
            status: 200,
            policy,
            groups: cache_groups(&fields),
            fields,
            ttl: Duration::ZERO,
            sent: None,
            target: target.uri().to_owned(),
            variant: place.selecting_fields(),
        }
    }

    /// The head of a record; [`finished`] completes it.
    pub fn head(&self) -> Vec<u8> {
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
        let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
        let expires = policy.received.0.saturating_add(ttl);
        head[place::EXPIRES].copy_from_slice(&expires.to_le_bytes());
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
        let groups = self.groups.iter().map(|group| (note::GROUP, group));
        let variant = self.variant.iter().map(|field| (note::VARIANT, field));
        for (kind, text) in groups.chain(variant) {
            head.extend_from_slice(&[b'\n', kind]);
            head.extend_from_slice(text.as_bytes());
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
pub fn finished(mut head: Vec<u8>, content: &Content) -> Vec<u8> {
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
    /// Its bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Pieces { length, .. } => *length,
        }
    }
}

impl Entry {
    /// Reads a record; `None` if it is none of this version.
    pub fn read(record: Bytes) -> Option<Self> {
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
            expires: Timestamp(i64::from_le_bytes(record[place::EXPIRES].try_into().ok()?)),
            fields,
            notes,
            content,
            record,
        })
    }

    /// Its groups (RFC 9875).
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let notes = match self.record[place::FLAGS] & flag::GROUPS {
            0 => "",
            _ => self.notes(),
        };
        notes_of(notes, note::GROUP)
    }

    /// The fields that selected it, if it is one of several variants: `accept-language: de`.
    pub fn variant(&self) -> impl Iterator<Item = &str> {
        notes_of(self.notes(), note::VARIANT)
    }

    /// The URI of its target.
    pub fn target(&self) -> &str {
        self.notes().split('\n').next().unwrap_or_default()
    }

    fn notes(&self) -> &str {
        std::str::from_utf8(&self.record[self.notes.clone()]).unwrap_or_default()
    }

    /// The record of the same response with another lifetime, in milliseconds.
    pub(crate) fn with_lifetime(&self, milliseconds: u64) -> Vec<u8> {
        let mut record = self.record.to_vec();
        record[place::LIFETIME].copy_from_slice(&milliseconds.to_le_bytes());
        record
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

fn notes_of(notes: &str, kind: u8) -> impl Iterator<Item = &str> {
    let lines = notes.split('\n').skip(1);
    lines.filter_map(move |line| line.strip_prefix(char::from(kind)))
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
