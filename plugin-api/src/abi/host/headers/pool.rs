//! The memory of a request's headers, for those of a response.
//!
//! hyper does the same the other way: the response's headers, once sent, become the next request's. So
//! the two go round, and a request takes no memory for headers that was not there before.

use std::cell::Cell;

use http::HeaderMap;

/// As many headers as a spare map may have room for: one large request must not be remembered for ever.
const ROOM: usize = 96;

thread_local! {
    static SPARE: Cell<HeaderMap> = Cell::default();
}

/// A map without headers.
#[inline]
pub(in crate::abi::host) fn take() -> HeaderMap {
    SPARE.try_with(Cell::take).unwrap_or_default()
}

/// Gives a map's memory away; its headers are gone.
#[inline]
pub(in crate::abi::host) fn give(mut map: HeaderMap) {
    if (1..=ROOM).contains(&map.capacity()) {
        map.clear();
        // On a thread that ends it is dropped.
        let _ = SPARE.try_with(|spare| spare.set(map));
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_taken_is_empty_and_has_room() {
        let mut map = HeaderMap::with_capacity(10);
        let room = map.capacity();
        map.append("x-one", HeaderValue::from_static("1"));
        map.append("x-one", HeaderValue::from_static("2"));
        give(map);
        let map = take();
        assert!(map.is_empty());
        assert_eq!(map.get("x-one"), None);
        assert_eq!(map.capacity(), room);
        assert_eq!(take().capacity(), 0);
    }

    #[test]
    fn a_large_one_is_not_kept() {
        give(HeaderMap::with_capacity(ROOM * 4));
        assert_eq!(take().capacity(), 0);
    }
}
