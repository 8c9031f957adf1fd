//! A cache of parsed header names: layers use the same few for every request.

use std::cell::RefCell;

use http::HeaderName;

use super::cache_index::cache_index;

/// Twice as many as the layers of a stack use, so that three names rarely share a set.
const SETS: usize = 256;

/// Two names, the more recent first.
type Set = [Option<HeaderName>; 2];

thread_local! {
    /// The names parsed last in each set. Cloning one only counts up, while parsing a name that `http`
    /// does not know allocates for each header of each response.
    static NAMES: RefCell<[Set; SETS]> = const { RefCell::new([const { [const { None }; 2] }; SETS]) };
}

/// The name in `bytes`, if it is one (RFC 9110 §5.1).
#[inline]
pub(super) fn parse(bytes: &[u8]) -> Option<HeaderName> {
    with(bytes, HeaderName::clone)
}

/// Calls `f` with the name in `bytes`, if it is one. `f` must not parse names.
#[inline]
pub(super) fn with<R>(bytes: &[u8], f: impl Fn(&HeaderName) -> R) -> Option<R> {
    let known = NAMES.try_with(|names| {
        let mut names = names.try_borrow_mut().ok()?;
        let [recent, older] = &mut names[cache_index(bytes) % SETS];
        if let Some(name) = recent.as_ref().filter(|name| matches(name, bytes)) {
            return Some(f(name));
        }
        if let Some(name) = older.as_ref().filter(|name| matches(name, bytes)) {
            return Some(f(name));
        }
        let name = HeaderName::from_bytes(bytes).ok()?;
        *older = recent.take();
        Some(f(recent.insert(name)))
    });
    // An exiting thread has no cache any more.
    known.unwrap_or_else(|_| HeaderName::from_bytes(bytes).ok().map(|name| f(&name)))
}

/// Ignores case: authors write `X-Frame-Options`.
#[inline]
fn matches(name: &HeaderName, bytes: &[u8]) -> bool {
    let name = name.as_str().as_bytes();
    name == bytes || name.eq_ignore_ascii_case(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_bytes_at_same_address_are_parsed_again() {
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
    fn mixed_case_parses_and_invalid_name_is_none() {
        assert_eq!(parse(b"X-Mixed").expect("a name"), "x-mixed");
        assert_eq!(parse(b"x y"), None);
        assert_eq!(parse(b""), None);
    }
}
