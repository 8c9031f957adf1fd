//! Names of headers that layers set: the same few for every request.

use std::cell::RefCell;

use http::HeaderName;

/// More than the layers of a stack set, so that two rarely want one slot.
const SLOTS: usize = 256;

thread_local! {
    /// What was parsed last in each slot. A copy counts up and takes no memory, while parsing a name
    /// that `http` does not know takes some for each header of each response.
    static NAMES: RefCell<[Option<HeaderName>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// The name in `bytes`, if it is one (RFC 9110 §5.1).
pub(super) fn parse(bytes: &[u8]) -> Option<HeaderName> {
    let known = NAMES.try_with(|names| {
        let mut names = names.try_borrow_mut().ok()?;
        let kept = &mut names[slot(bytes)];
        if let Some(name) = kept
            .as_ref()
            .filter(|name| name.as_str().as_bytes() == bytes)
        {
            return Some(name.clone());
        }
        let name = HeaderName::from_bytes(bytes).ok()?;
        *kept = Some(name.clone());
        Some(name)
    });
    // A thread that ends has no slots any more.
    known.unwrap_or_else(|_| HeaderName::from_bytes(bytes).ok())
}

/// By address: a layer's names stay where they are. Whether it is the same name is asked anyway.
fn slot(bytes: &[u8]) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (bytes.as_ptr().addr() as u64).wrapping_mul(GOLDEN);
    (mixed >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_may_hold_another_name_later() {
        let mut place = *b"x-one";
        assert_eq!(parse(&place).expect("a name"), "x-one");
        assert_eq!(parse(&place).expect("a name"), "x-one");
        place.copy_from_slice(b"x-two");
        assert_eq!(parse(&place).expect("a name"), "x-two");
    }

    #[test]
    fn case_does_not_matter_and_nonsense_is_none() {
        assert_eq!(parse(b"X-Mixed").expect("a name"), "x-mixed");
        assert_eq!(parse(b"x y"), None);
        assert_eq!(parse(b""), None);
    }
}
