//! What a layer made of the body of the layer below it.

use crate::{Kind, Offence};

/// What a layer may hold back: a word of small chunks is fine, a page of them is not.
const CHUNKS_HELD: u64 = 8;
const BYTES_HELD: u64 = 4096;

/// Judges a layer that took so much of a body before it gave something, or before it ended.
pub fn held_back(chunks: u64, bytes: u64) -> Option<Offence> {
    let message = || format!("{chunks} chunks ({bytes} bytes) of a streaming body were held back");
    let too_many = chunks > CHUNKS_HELD && bytes > BYTES_HELD;
    too_many.then(|| Offence::new(Kind::HeldBack, message()))
}

/// The bytes that stand under a strong tag, as far as they have come.
#[derive(Debug, Clone, Default)]
pub struct Print {
    /// None where no tag speaks of these bytes.
    tag: Option<Vec<u8>>,
    /// How many there are to be, where that is known.
    said: Option<u64>,
    bytes: u64,
    digest: u64,
    whole: bool,
}

impl Print {
    /// Of a response that has this `etag`, and a body that says how long it is. A tag of another status is of
    /// other bytes.
    pub fn new(status: u16, is_head: bool, etag: Option<&[u8]>, said: Option<u64>) -> Self {
        /// FNV-1a's beginning.
        const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
        let strong = etag.filter(|etag| etag.starts_with(b"\""));
        let tag = strong.filter(|_| status == 200 && !is_head);
        Self {
            tag: tag.map(<[u8]>::to_vec),
            said,
            digest: BASIS,
            ..Self::default()
        }
    }

    /// A chunk of them.
    pub fn chunk(&mut self, chunk: &[u8]) {
        const PRIME: u64 = 0x0000_0100_0000_01B3;
        if self.tag.is_some() {
            let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(PRIME);
            self.digest = chunk.iter().fold(self.digest, step);
            self.bytes += chunk.len() as u64;
        }
    }

    /// That was all.
    pub fn end(&mut self) {
        self.whole = true;
    }

    /// Judges a layer that has made this of `inner`, once all of it has passed.
    pub fn made_of(&self, inner: &Self) -> Option<Offence> {
        // None at all: a server in front has them, as with `x-sendfile`.
        if self.tag.is_none() || self.tag != inner.tag || !self.whole || self.bytes == 0 {
            return None;
        }
        let (was, is) = (inner.length()?, self.bytes);
        let message = match was == is {
            false => {
                format!("a body of {was} bytes became one of {is}, but its strong `etag` stayed")
            }
            true if inner.whole && inner.digest != self.digest => {
                "the bytes of a body were changed, but its strong `etag` stayed".to_owned()
            }
            true => return None,
        };
        Some(Offence::new(Kind::Tag, message))
    }

    fn length(&self) -> Option<u64> {
        match self.whole {
            true => Some(self.bytes),
            false => self.said,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_may_be_held_back_and_a_page_not() {
        assert_eq!(held_back(8, 1 << 20), None);
        assert_eq!(held_back(1000, 4096), None);
        let offence = held_back(9, 4097).unwrap();
        assert_eq!(offence.kind, Kind::HeldBack);
        assert!(offence.message.starts_with("9 chunks (4097 bytes)"));
    }

    fn print(etag: &str, chunks: &[&str]) -> Print {
        let mut print = Print::new(200, false, Some(etag.as_bytes()), None);
        chunks
            .iter()
            .for_each(|chunk| print.chunk(chunk.as_bytes()));
        print.end();
        print
    }

    #[test]
    fn a_strong_tag_is_of_these_bytes_alone() {
        let inner = print("\"a\"", &["hel", "lo"]);
        let judge = |outer: Print| outer.made_of(&inner).map(|offence| offence.message);
        assert_eq!(judge(print("\"a\"", &["hello"])), None);
        assert_eq!(judge(print("\"b\"", &["other"])), None);
        assert_eq!(judge(print("W/\"a\"", &["other"])), None);
        let longer = judge(print("\"a\"", &["hello!"])).unwrap();
        assert!(longer.starts_with("a body of 5 bytes became one of 6"));
        let other = judge(print("\"a\"", &["jello"])).unwrap();
        assert!(other.starts_with("the bytes of a body were changed"));
    }

    #[test]
    fn what_is_put_in_the_place_of_another_is_as_long() {
        let unread = Print::new(200, false, Some(b"\"a\""), Some(5));
        assert_eq!(print("\"a\"", &["hello"]).made_of(&unread), None);
        assert!(print("\"a\"", &["hello!"]).made_of(&unread).is_some());
        assert_eq!(
            print("\"a\"", &[]).made_of(&unread),
            None,
            "left to another server"
        );
    }

    #[test]
    fn what_was_not_seen_whole_is_not_judged() {
        let whole = print("\"a\"", &["hello"]);
        let mut part = Print::new(200, false, Some(b"\"a\""), None);
        part.chunk(b"hel");
        assert_eq!(part.made_of(&whole), None);
        assert_eq!(whole.made_of(&part), None);
        for (status, is_head) in [(206, false), (200, true)] {
            let mut other = Print::new(status, is_head, Some(b"\"a\""), None);
            other.end();
            assert_eq!(other.made_of(&whole), None);
        }
    }
}
