//! An entry as bytes: version and end, eight bytes each and little-endian, then the value.

/// The end of an entry that does not expire.
pub(super) const NEVER: u64 = 0;

const HEAD: usize = 16;

/// An entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) version: u64,
    /// Milliseconds since the Unix epoch, or [`NEVER`].
    pub(super) end: u64,
    pub(super) value: &'a [u8],
}

impl<'a> Record<'a> {
    /// None if it can't be an entry.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk()?;
        let (end, value) = rest.split_first_chunk()?;
        Some(Self {
            version: u64::from_le_bytes(*version),
            end: u64::from_le_bytes(*end),
            value,
        })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.value.len());
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&self.end.to_le_bytes());
        bytes.extend_from_slice(self.value);
        bytes
    }

    pub(super) fn lives(&self, now: u64) -> bool {
        self.end == NEVER || now < self.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn record_is_read_as_it_was_written(version: u64, end: u64, value: Vec<u8>) {
            let record = Record { version, end, value: &value };
            let bytes = record.bytes();
            prop_assert_eq!(Record::read(&bytes), Some(record));
        }

        #[test]
        fn short_record_is_none(bytes in proptest::collection::vec(any::<u8>(), 0..HEAD)) {
            prop_assert_eq!(Record::read(&bytes), None);
        }
    }

    #[test]
    fn record_lives_until_its_end() {
        let record = |end| Record {
            version: 1,
            end,
            value: b"",
        };
        assert!(record(NEVER).lives(u64::MAX));
        assert!(record(10).lives(9) && !record(10).lives(10));
    }
}
