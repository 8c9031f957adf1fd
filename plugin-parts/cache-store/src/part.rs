//! A stored part of a response (RFC 9111 §3.3).

use http_cache::{ContentRange, Fields, content_range};

use crate::record::Entry;

/// A stored part.
#[derive(Debug)]
pub struct StoredPart {
    /// The 206.
    pub entry: Entry,
    /// Which part it is.
    pub range: ContentRange,
}

impl StoredPart {
    /// The part that `entry` is; `None` if it is none.
    pub fn read(entry: Entry) -> Option<Self> {
        let range = content_range(entry.only("content-range")?)?;
        (range.length() == entry.content.length()).then_some(Self { entry, range })
    }
}
