//! What a 304 or a response to HEAD changes in a stored response (RFC 9111 §3.2, §4.3.4, §4.3.5).

use crate::content::stored_fields;
use crate::fields::{Fields, List};
use crate::validator::Validators;

/// The stored fields after an update: each field of `received` replaces all lines of its name. `content-length` and
/// `content-range` stay, as they describe the stored bytes; so do fields that are not stored.
pub fn update(stored: &impl Fields, received: &impl Fields, excluded: &[String]) -> List {
    let new: Vec<_> = stored_fields(received, excluded)
        .filter(|(name, _)| *name != "content-range")
        .collect();
    // The old date and age say nothing about a response that was just validated.
    let replaced = |name: &str| name == "date" || new.iter().any(|(known, _)| *known == name);
    let kept = stored.all().filter(|(name, _)| !replaced(name));
    kept.chain(new.iter().copied()).collect()
}

/// What a 200 to HEAD says about a stored response to GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadFreshening {
    /// It is the same: its fields are updated.
    Update,
    /// It has changed: the stored one must not be used.
    Changed,
}

/// Compares a 200 to HEAD with the stored response (§4.3.5).
pub fn head_freshening(stored: &impl Fields, length: u64, head: &impl Fields) -> HeadFreshening {
    let (old, new) = (Validators::of(stored), Validators::of(head));
    let differs = |old: Option<&[u8]>, new: Option<&[u8]>| new.is_some() && old != new;
    let said = head.only("content-length");
    let said = said.map(|text| std::str::from_utf8(text).ok()?.trim().parse::<u64>().ok());
    match said {
        _ if differs(old.etag, new.etag) => HeadFreshening::Changed,
        _ if differs(old.last_modified, new.last_modified) => HeadFreshening::Changed,
        Some(said) if said != Some(length) => HeadFreshening::Changed,
        _ => HeadFreshening::Update,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> List {
        fields.iter().copied().collect()
    }

    #[test]
    fn fields_of_a_304_replace_those_of_the_same_name() {
        let stored = fields(&[
            ("date", "old"),
            ("x-two", "1"),
            ("x-two", "2"),
            ("content-type", "text/plain"),
            ("x-kept", "1"),
        ]);
        let received = fields(&[
            ("x-two", "3"),
            ("content-length", "0"),
            ("content-range", "bytes 0-1/2"),
            ("content-type", "text/html"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("x-new", "1"),
        ]);
        let expected = fields(&[
            ("x-kept", "1"),
            ("x-two", "3"),
            ("content-type", "text/html"),
            ("x-new", "1"),
        ]);
        assert_eq!(update(&stored, &received, &[]), expected);
    }

    #[test]
    fn head_with_another_validator_or_length_means_a_change() {
        let stored = fields(&[("etag", "\"a\"")]);
        let of = |head: &[(&str, &str)]| head_freshening(&stored, 5, &fields(head));
        assert_eq!(of(&[("etag", "\"a\"")]), HeadFreshening::Update);
        assert_eq!(of(&[("content-length", "5")]), HeadFreshening::Update);
        assert_eq!(of(&[("content-length", "6")]), HeadFreshening::Changed);
        assert_eq!(of(&[("content-length", "x")]), HeadFreshening::Changed);
        assert_eq!(of(&[("etag", "\"b\"")]), HeadFreshening::Changed);
        assert_eq!(of(&[("last-modified", "now")]), HeadFreshening::Changed);
    }
}
