//! Names of headers that layers read and set: the same few for every request.

use std::cell::RefCell;

use http::HeaderName;

use super::cache_index::set_of;

/// More than the layers of a stack use, twice over, so that three rarely want one set.
const SETS: usize = 256;

/// Two names by address, the younger one first.
type Set = [Option<HeaderName>; 2];

thread_local! {
    /// What was parsed last in each set. A copy counts up and takes no memory, while parsing a name
    /// that `http` does not know takes some for each header of each response.
    static NAMES: RefCell<[Set; SETS]> = const { RefCell::new([const { [const { None }; 2] }; SETS]) };
}

/// The name in `bytes`, if it is one (RFC 9110 §5.1).
#[inline]
pub(super) fn parse(bytes: &[u8]) -> Option<HeaderName> {
    with(bytes, HeaderName::clone)
}

/// What `f` makes of the name in `bytes`, if it is one. `f` must not parse names itself.
#[inline]
pub(super) fn with<R>(bytes: &[u8], f: impl Fn(&HeaderName) -> R) -> Option<R> {
    let known = NAMES.try_with(|names| {
        let mut names = names.try_borrow_mut().ok()?;
        let [young, old] = &mut names[set_of(bytes) % SETS];
        if let Some(name) = young.as_ref().filter(|name| is(name, bytes)) {
            return Some(f(name));
        }
        if let Some(name) = old.as_ref().filter(|name| is(name, bytes)) {
            return Some(f(name));
        }
        let name = HeaderName::from_bytes(bytes).ok()?;
        *old = young.take();
        Some(f(young.insert(name)))
    });
    // A thread that ends has no names any more.
    known.unwrap_or_else(|_| HeaderName::from_bytes(bytes).ok().map(|name| f(&name)))
}

/// Case does not matter, and authors like `X-Frame-Options`.
#[inline]
fn is(name: &HeaderName, bytes: &[u8]) -> bool {
    let name = name.as_str().as_bytes();
    name == bytes || name.eq_ignore_ascii_case(bytes)
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
        place.copy_from_slice(b"X-ONE");
        assert_eq!(parse(&place).expect("a name"), "x-one");
        place.copy_from_slice(b"x-six");
        assert_eq!(parse(&place).expect("a name"), "x-six");
        place.copy_from_slice(b"x:six");
        assert_eq!(parse(&place), None);
    }

    #[test]
    fn case_does_not_matter_and_nonsense_is_none() {
        assert_eq!(parse(b"X-Mixed").expect("a name"), "x-mixed");
        assert_eq!(parse(b"x y"), None);
        assert_eq!(parse(b""), None);
    }
}
