//! Comparing a layer's body with the body of the layer below it.

use crate::{Kind, Violation};

/// How much a layer may buffer: a word in small chunks is fine, a page is not.
const MAX_BUFFERED_CHUNKS: u64 = 8;
const MAX_BUFFERED_BYTES: u64 = 4096;

/// Checks a layer that read this much of a body before it passed anything on, or before the body ended.
pub fn check_buffering(chunks: u64, bytes: u64) -> Option<Violation> {
    let message = || format!("{chunks} chunks ({bytes} bytes) of a streaming body were buffered");
    let too_many = chunks > MAX_BUFFERED_CHUNKS && bytes > MAX_BUFFERED_BYTES;
    too_many.then(|| Violation::new(Kind::Buffering, message()))
}

/// A running digest of the bytes that a strong `etag` stands for.
#[derive(Debug, Clone, Default)]
pub struct BodyDigest {
    /// The strong tag; none if the bytes have none.
    tag: Option<Vec<u8>>,
    /// The size that the body declares, if known.
    declared: Option<u64>,
    bytes: u64,
    digest: u64,
    complete: bool,
}

impl BodyDigest {
    /// Starts the digest of a response's body. `declared` is its size, if known. Only a 200 to a request other
    /// than HEAD is tracked: with another status the tag stands for other bytes.
    pub fn new(status: u16, is_head: bool, etag: Option<&[u8]>, declared: Option<u64>) -> Self {
        /// The offset basis of FNV-1a.
        const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
        let strong = etag.filter(|etag| etag.starts_with(b"\""));
        let tag = strong.filter(|_| status == 200 && !is_head);
        Self {
            tag: tag.map(<[u8]>::to_vec),
            declared,
            digest: BASIS,
            ..Self::default()
        }
    }

    /// Adds a chunk.
    pub fn chunk(&mut self, chunk: &[u8]) {
        const PRIME: u64 = 0x0000_0100_0000_01B3;
        if self.tag.is_some() {
            let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(PRIME);
            self.digest = chunk.iter().fold(self.digest, step);
            self.bytes += chunk.len() as u64;
        }
    }

    /// Marks the body as complete.
    pub fn end(&mut self) {
        self.complete = true;
    }

    /// Checks a layer that turned `inner` into this body. To be called once all of it has passed.
    pub fn check_against(&self, inner: &Self) -> Option<Violation> {
        // An empty body: the server in front sends the file, as with `x-sendfile`.
        if self.tag.is_none() || self.tag != inner.tag || !self.complete || self.bytes == 0 {
            return None;
        }
        let (was, is) = (inner.length()?, self.bytes);
        let message = match was == is {
            false => {
                format!("a body of {was} bytes became {is} bytes long, but kept its strong `etag`")
            }
            true if inner.complete && inner.digest != self.digest => {
                "the bytes of a body changed, but it kept its strong `etag`".to_owned()
            }
            true => return None,
        };
        Some(Violation::new(Kind::StaleEtag, message))
    }

    fn length(&self) -> Option<u64> {
        match self.complete {
            true => Some(self.bytes),
            false => self.declared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffering_a_word_is_allowed_and_a_page_is_not() {
        assert_eq!(check_buffering(8, 1 << 20), None);
        assert_eq!(check_buffering(1000, 4096), None);
        let violation = check_buffering(9, 4097).unwrap();
        assert_eq!(violation.kind, Kind::Buffering);
        assert!(violation.message.starts_with("9 chunks (4097 bytes)"));
    }

    fn digest(etag: &str, chunks: &[&str]) -> BodyDigest {
        let mut digest = BodyDigest::new(200, false, Some(etag.as_bytes()), None);
        chunks
            .iter()
            .for_each(|chunk| digest.chunk(chunk.as_bytes()));
        digest.end();
        digest
    }

    #[test]
    fn strong_tag_stands_for_the_same_bytes_only() {
        let inner = digest("\"a\"", &["hel", "lo"]);
        let judge = |outer: BodyDigest| {
            outer
                .check_against(&inner)
                .map(|violation| violation.message)
        };
        assert_eq!(judge(digest("\"a\"", &["hello"])), None);
        assert_eq!(judge(digest("\"b\"", &["other"])), None);
        assert_eq!(judge(digest("W/\"a\"", &["other"])), None);
        let longer = judge(digest("\"a\"", &["hello!"])).unwrap();
        assert!(longer.starts_with("a body of 5 bytes became 6 bytes long"));
        let other = judge(digest("\"a\"", &["jello"])).unwrap();
        assert!(other.starts_with("the bytes of a body changed"));
    }

    #[test]
    fn replacement_body_has_the_declared_length() {
        let unread = BodyDigest::new(200, false, Some(b"\"a\""), Some(5));
        assert_eq!(digest("\"a\"", &["hello"]).check_against(&unread), None);
        assert!(
            digest("\"a\"", &["hello!"])
                .check_against(&unread)
                .is_some()
        );
        assert_eq!(
            digest("\"a\"", &[]).check_against(&unread),
            None,
            "sent by another server"
        );
    }

    #[test]
    fn incomplete_body_is_not_compared() {
        let whole = digest("\"a\"", &["hello"]);
        let mut part = BodyDigest::new(200, false, Some(b"\"a\""), None);
        part.chunk(b"hel");
        assert_eq!(part.check_against(&whole), None);
        assert_eq!(whole.check_against(&part), None);
        for (status, is_head) in [(206, false), (200, true)] {
            let mut other = BodyDigest::new(status, is_head, Some(b"\"a\""), None);
            other.end();
            assert_eq!(other.check_against(&whole), None);
        }
    }
}
