//! Reuses the header map of a request for a response.
//!
//! hyper does the reverse: it reuses a sent response's map for the next request. Together, a request
//! needs no new memory for headers.

use std::cell::Cell;

use http::HeaderMap;

/// The largest map that is kept, so that one large request does not hold its memory for ever.
const MAX_CAPACITY: usize = 96;

thread_local! {
    static SPARE: Cell<HeaderMap> = Cell::default();
}

/// An empty map, with the capacity of a returned one if there is one.
#[inline]
pub(in crate::abi::host) fn take() -> HeaderMap {
    SPARE.try_with(Cell::take).unwrap_or_default()
}

/// Returns a map to the pool and clears it.
#[inline]
pub(in crate::abi::host) fn put(mut map: HeaderMap) {
    if (1..=MAX_CAPACITY).contains(&map.capacity()) {
        map.clear();
        // An exiting thread drops it.
        let _ = SPARE.try_with(|spare| spare.set(map));
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn taken_map_is_empty_and_keeps_capacity() {
        let mut map = HeaderMap::with_capacity(10);
        let capacity = map.capacity();
        map.append("x-one", HeaderValue::from_static("1"));
        map.append("x-one", HeaderValue::from_static("2"));
        put(map);
        let map = take();
        assert!(map.is_empty());
        assert_eq!(map.get("x-one"), None);
        assert_eq!(map.capacity(), capacity);
        assert_eq!(take().capacity(), 0);
    }

    #[test]
    fn large_map_is_dropped() {
        put(HeaderMap::with_capacity(MAX_CAPACITY * 4));
        assert_eq!(take().capacity(), 0);
    }
}
