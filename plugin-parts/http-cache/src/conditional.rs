//! Asking whether a stored response is still good (RFC 9111 §4.3.1, §4.3.4).

use crate::fields::{Fields, members};
use crate::validator::{EntityTag, Validators};

/// The preconditions of a request for validation. They replace those of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditional {
    /// `If-None-Match`: the stored tag, and those of the client.
    pub if_none_match: Option<Vec<u8>>,
    /// `If-Modified-Since`: the stored date.
    pub if_modified_since: Option<Vec<u8>>,
    /// Whether the client's own tags are among them, so that a 304 may be about its response.
    pub with_client_tags: bool,
}

/// The preconditions that validate a response with the fields `stored`; `None` if it has no validators.
pub fn conditional(stored: &impl Fields, client: &impl Fields) -> Option<Conditional> {
    let validators = Validators::of(stored);
    if validators.is_empty() {
        return None;
    }
    let mut with_client_tags = false;
    let if_none_match = validators.etag.map(|tag| {
        let mut list = tag.to_vec();
        for other in members(client.lines("if-none-match")) {
            let known = EntityTag::parse(other);
            let same = |tag: EntityTag<'_>| validators.tag().is_some_and(|own| own == tag);
            if known.is_some_and(|tag| !same(tag)) {
                with_client_tags = true;
                list.extend_from_slice(b", ");
                list.extend_from_slice(other);
            }
        }
        list
    });
    Some(Conditional {
        if_none_match,
        if_modified_since: validators.last_modified.map(<[u8]>::to_vec),
        with_client_tags,
    })
}

/// What a 304 is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revalidated {
    /// The stored response: it is updated and used.
    Stored,
    /// A response that only the client has: the 304 is passed on.
    OfClient,
    /// Neither for certain: the request must be repeated without conditions.
    Unknown,
}

/// What a 304 with the fields `received` is about, after the request `sent` (§4.3.4).
pub fn revalidated(
    stored: &impl Fields,
    received: &impl Fields,
    sent: &Conditional,
) -> Revalidated {
    let (stored, received) = (Validators::of(stored), Validators::of(received));
    let same = match (stored.tag(), received.tag()) {
        (Some(stored), Some(received)) => Some(stored.equals_weakly(&received)),
        (None, Some(_)) => Some(false),
        (_, None) => received
            .last_modified
            .map(|date| stored.last_modified == Some(date)),
    };
    match same {
        Some(true) => Revalidated::Stored,
        Some(false) if sent.with_client_tags => Revalidated::OfClient,
        Some(false) => Revalidated::Unknown,
        // Servers often leave the validator out, although they should not. If only ours was asked about, it is meant.
        None if sent.with_client_tags => Revalidated::Unknown,
        None => Revalidated::Stored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    fn fields(fields: &[(&str, &str)]) -> List {
        fields.iter().copied().collect()
    }

    #[test]
    fn tags_of_the_client_join_the_stored_one() {
        let stored = fields(&[("etag", "\"a\""), ("last-modified", "then")]);
        let client = fields(&[("if-none-match", "\"b\", \"a\", *, c")]);
        let sent = conditional(&stored, &client).unwrap();
        assert_eq!(sent.if_none_match.as_deref(), Some(&br#""a", "b""#[..]));
        assert_eq!(sent.if_modified_since.as_deref(), Some(&b"then"[..]));
        assert!(sent.with_client_tags);
        assert_eq!(conditional(&fields(&[("etag", "a")]), &client), None);
    }

    #[test]
    fn not_modified_is_about_the_response_with_its_validator() {
        let stored = fields(&[("etag", "\"a\""), ("last-modified", "then")]);
        let of = |client: &[(&str, &str)], received: &[(&str, &str)]| {
            let sent = conditional(&stored, &fields(client)).unwrap();
            revalidated(&stored, &fields(received), &sent)
        };
        let other = [("if-none-match", "\"b\"")];
        assert_eq!(of(&[], &[("etag", "W/\"a\"")]), Revalidated::Stored);
        assert_eq!(of(&[], &[]), Revalidated::Stored);
        assert_eq!(of(&[], &[("etag", "\"b\"")]), Revalidated::Unknown);
        assert_eq!(of(&other, &[("etag", "\"b\"")]), Revalidated::OfClient);
        assert_eq!(of(&other, &[]), Revalidated::Unknown);
        assert_eq!(of(&[], &[("last-modified", "then")]), Revalidated::Stored);
        assert_eq!(of(&[], &[("last-modified", "now")]), Revalidated::Unknown);
    }
}
