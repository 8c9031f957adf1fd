//! Name-value pairs (specification, section 3.4): params, and values that the front server asks for.

use bytes::{BufMut, BytesMut};

use super::Malformed;
use crate::serve::server::cgi::Variables;

/// Reads the pairs one after the other. Nothing follows an error.
#[derive(Debug, Clone)]
pub struct Pairs<'a>(&'a [u8]);

impl<'a> Pairs<'a> {
    /// Those in `bytes`.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn pair(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let name = self.length()?;
        let value = self.length()?;
        Some((self.take(name)?, self.take(value)?))
    }

    /// One byte, or four of which the first has its highest bit set.
    fn length(&mut self) -> Option<usize> {
        let first = *self.0.first()?;
        if first < 0x80 {
            self.0 = &self.0[1..];
            return Some(usize::from(first));
        }
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some((u32::from_be_bytes(*length) & 0x7fff_ffff) as usize)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl Variables for Pairs<'_> {
    fn value(&self, name: &str) -> Option<&[u8]> {
        let named = self.clone().map_while(Result::ok);
        let named = named.filter(|(known, _)| *known == name.as_bytes());
        let last = named.last().map(|(_, value)| value);
        last.filter(|value| !value.is_empty())
    }

    fn all(&self) -> impl Iterator<Item = Option<(&[u8], &[u8])>> {
        self.clone().map(Result::ok)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let pair = self.pair();
        if pair.is_none() {
            self.0 = &[];
        }
        Some(pair.ok_or(Malformed::Pairs))
    }
}

/// Appends a pair with a short name and value.
pub(super) fn put_pair(output: &mut BytesMut, name: &[u8], value: &[u8]) {
    for part in [name, value] {
        match u8::try_from(part.len()) {
            Ok(short @ 0..=0x7f) => output.put_u8(short),
            _ => output.put_u32(part.len() as u32 | 0x8000_0000),
        }
    }
    output.put_slice(name);
    output.put_slice(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pairs_are_read_as_they_were_written(
            pairs in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), prop::collection::vec(any::<u8>(), 0..300)), 0..8)
        ) {
            let mut bytes = BytesMut::new();
            pairs.iter().for_each(|(name, value)| put_pair(&mut bytes, name, value));
            let read: Result<Vec<_>, _> = Pairs::of(&bytes).collect();
            let written: Vec<_> = pairs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            prop_assert_eq!(read.unwrap(), written);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Pairs::of(&bytes).count();
        }
    }

    #[test]
    fn pair_that_is_cut_off_is_malformed() {
        let mut bytes = BytesMut::new();
        put_pair(&mut bytes, b"NAME", &[b'x'; 200]);
        for end in 1..bytes.len() {
            let read: Vec<_> = Pairs::of(&bytes[..end]).collect();
            assert_eq!(read, [Err(Malformed::Pairs)], "{end} bytes");
            assert_eq!(Pairs::of(&bytes[..end]).all().collect::<Vec<_>>(), [None]);
        }
    }

    #[test]
    fn last_of_several_counts() {
        let mut bytes = BytesMut::new();
        put_pair(&mut bytes, b"A", b"1");
        put_pair(&mut bytes, b"A", b"2");
        assert_eq!(Pairs::of(&bytes).value("A"), Some(&b"2"[..]));
        assert_eq!(Pairs::of(&bytes).value("B"), None);
    }
}
