//! Values of headers that layers set: some the same for every request, some never.

use std::cell::RefCell;

use http::HeaderValue;

use super::cache_index::set_of;

/// More than the layers of a stack set, so that two rarely want one slot.
const SLOTS: usize = 256;
/// Constants are short.
const LONGEST: usize = 64;

struct Slot {
    /// Of the bytes that were there last: none are kept before they come again, so that a value that
    /// is new each time costs no more than it would.
    digest: u64,
    value: Option<HeaderValue>,
}

thread_local! {
    /// A copy of a kept value counts up, where a new one takes memory.
    static VALUES: RefCell<[Slot; SLOTS]> = const {
        RefCell::new([const { Slot { digest: 0, value: None } }; SLOTS])
    };
}

/// The value in `bytes`, if it is one (RFC 9110 §5.5).
#[inline]
pub(in crate::abi::host) fn parse(bytes: &[u8]) -> Option<HeaderValue> {
    if bytes.len() > LONGEST {
        return HeaderValue::from_bytes(bytes).ok();
    }
    let known = VALUES.try_with(|values| {
        let mut values = values.try_borrow_mut().ok()?;
        let slot = &mut values[set_of(bytes) % SLOTS];
        let kept = slot.value.as_ref();
        if let Some(value) = kept.filter(|value| value.as_bytes() == bytes) {
            return Some(value.clone());
        }
        let value = HeaderValue::from_bytes(bytes).ok()?;
        let digest = digest(bytes);
        let again = std::mem::replace(&mut slot.digest, digest) == digest;
        slot.value = again.then(|| value.clone());
        Some(value)
    });
    // A thread that ends keeps no values any more.
    known.unwrap_or_else(|_| HeaderValue::from_bytes(bytes).ok())
}

/// Two values of one digest cost a copy too many, no more.
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
    fn a_place_may_hold_another_value_later() {
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
    fn only_what_comes_again_is_kept() {
        let place = *b"kept";
        let address = |value: &HeaderValue| value.as_bytes().as_ptr();
        let values: [HeaderValue; 4] = std::array::from_fn(|_| parse(&place).expect("a value"));
        assert_ne!(address(&values[0]), address(&values[1]));
        assert_eq!(address(&values[1]), address(&values[2]));
        assert_eq!(address(&values[2]), address(&values[3]));
    }

    #[test]
    fn the_empty_and_the_long_are_values() {
        assert_eq!(parse(b"").expect("a value"), "");
        let long = [b'x'; LONGEST + 1];
        assert_eq!(parse(&long).expect("a value").as_bytes(), long);
    }
}
