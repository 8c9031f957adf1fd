//! A cache of parsed header values: some are the same for every request, some never repeat.

use std::cell::RefCell;

use http::HeaderValue;

use super::cache_index::cache_index;

/// More than the layers of a stack set, so that two values rarely share a slot.
const SLOTS: usize = 256;
/// Constants are short; longer values are not cached.
const MAX_LEN: usize = 64;

struct Slot {
    /// Digest of the last bytes in this slot. A value is cached only the second time, so that values
    /// that never repeat cost nothing extra.
    digest: u64,
    value: Option<HeaderValue>,
}

thread_local! {
    /// Cloning a cached value only counts up, while a new one allocates.
    static VALUES: RefCell<[Slot; SLOTS]> = const {
        RefCell::new([const { Slot { digest: 0, value: None } }; SLOTS])
    };
}

/// The value in `bytes`, if it is one (RFC 9110 §5.5).
#[inline]
pub(in crate::abi::host) fn parse(bytes: &[u8]) -> Option<HeaderValue> {
    if bytes.len() > MAX_LEN {
        return HeaderValue::from_bytes(bytes).ok();
    }
    let known = VALUES.try_with(|values| {
        let mut values = values.try_borrow_mut().ok()?;
        let slot = &mut values[cache_index(bytes) % SLOTS];
        let cached = slot.value.as_ref();
        if let Some(value) = cached.filter(|value| value.as_bytes() == bytes) {
            return Some(value.clone());
        }
        let value = HeaderValue::from_bytes(bytes).ok()?;
        let digest = digest(bytes);
        let repeated = std::mem::replace(&mut slot.digest, digest) == digest;
        slot.value = repeated.then(|| value.clone());
        Some(value)
    });
    // An exiting thread has no cache any more.
    known.unwrap_or_else(|_| HeaderValue::from_bytes(bytes).ok())
}

/// A collision only costs one needless copy.
#[inline]
fn digest(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain(Some(&last));
    words.fold(bytes.len() as u64, |digest, word| {
        (digest ^ u64::from_le_bytes(*word))
            .wrapping_mul(PRIME)
            .rotate_left(29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_bytes_at_same_address_are_parsed_again() {
        let mut place = *b"one";
        for _ in 0..4 {
            assert_eq!(parse(&place).expect("a value"), "one");
        }
        place.copy_from_slice(b"two");
        for _ in 0..4 {
            assert_eq!(parse(&place).expect("a value"), "two");
        }
        assert_eq!(parse(&place[..2]).expect("a value"), "tw");
        place.copy_from_slice(b"t\no");
        assert_eq!(parse(&place), None);
    }

    #[test]
    fn only_repeated_value_is_cached() {
        let place = *b"kept";
        let address = |value: &HeaderValue| value.as_bytes().as_ptr();
        let values: [HeaderValue; 4] = std::array::from_fn(|_| parse(&place).expect("a value"));
        assert_ne!(address(&values[0]), address(&values[1]));
        assert_eq!(address(&values[1]), address(&values[2]));
        assert_eq!(address(&values[2]), address(&values[3]));
    }

    #[test]
    fn empty_and_long_values_parse() {
        assert_eq!(parse(b"").expect("a value"), "");
        let long = [b'x'; MAX_LEN + 1];
        assert_eq!(parse(&long).expect("a value").as_bytes(), long);
    }
}
