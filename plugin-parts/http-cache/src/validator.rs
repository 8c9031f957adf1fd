//! Entity tags and dates that tell whether a representation changed (RFC 9110 §8.8).

use crate::fields::{Fields, members};
use crate::{Timestamp, date};

/// An entity tag (§8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag<'a> {
    weak: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads a tag. Characters that may not stand in one are let pass, since they only have to be equal.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (weak, opaque) = match text.strip_prefix(b"W/") {
            Some(opaque) => (true, opaque),
            None => (false, text),
        };
        let inner = opaque.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        (!inner.contains(&b'"')).then_some(Self { weak, opaque })
    }

    /// The strong comparison (§8.8.3.2).
    pub fn equals_strongly(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// The weak comparison.
    pub fn equals_weakly(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }

    /// Whether it is strong.
    pub fn is_strong(&self) -> bool {
        !self.weak
    }
}

/// The validators of a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// `ETag`.
    pub etag: Option<&'a [u8]>,
    /// `Last-Modified`.
    pub last_modified: Option<&'a [u8]>,
}

impl<'a> Validators<'a> {
    /// The validators in these fields.
    pub fn of(fields: &'a impl Fields) -> Self {
        let etag = fields.first("etag");
        Self {
            etag: etag.filter(|tag| EntityTag::parse(tag).is_some()),
            last_modified: fields.first("last-modified"),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// The tag.
    pub fn tag(&self) -> Option<EntityTag<'a>> {
        EntityTag::parse(self.etag?)
    }
}

/// Whether a list of tags has one that equals `tag` weakly; `*` has every tag (RFC 9110 §13.1.2).
pub(crate) fn list_includes<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    tag: Option<EntityTag<'_>>,
) -> bool {
    let mut tags = members(lines);
    tags.any(|member| match (EntityTag::parse(member), tag) {
        _ if member == b"*" => true,
        (Some(member), Some(tag)) => member.equals_weakly(&tag),
        _ => false,
    })
}

/// Whether `If-Range` names this very representation (RFC 9110 §13.1.5).
pub(crate) fn if_range_holds(condition: &[u8], fields: &impl Fields, now: Timestamp) -> bool {
    let validators = Validators::of(fields);
    if let Some(wanted) = EntityTag::parse(condition) {
        return validators
            .tag()
            .is_some_and(|tag| tag.equals_strongly(&wanted));
    }
    let date_of = |text: Option<&[u8]>| text.and_then(|text| date::http_date(text, now));
    let (Some(wanted), Some(modified)) =
        (date_of(Some(condition)), date_of(validators.last_modified))
    else {
        return false;
    };
    // A date is strong if the content was older than that when it was sent (§8.8.2.2).
    let made = date_of(fields.only("date"));
    wanted == modified && made.is_some_and(|made| made.since(modified) >= 1000)
}
