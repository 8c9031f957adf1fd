//! Headers in host memory, read and edited through a pointer to the message that begins with them.

mod cache_index;
mod name_cache;
pub(super) mod pool;
pub(super) mod value_cache;

use http::header::{HeaderMap, HeaderValue};

use crate::abi::slice::RawSlice;
use crate::abi::tables::{HeaderOutcome, HeadersObject, SetHeader, Visitor};

/// # Safety
///
/// `headers` points to a live request, response or header map of this host, not edited during the borrow.
unsafe fn map<'a>(headers: *const HeadersObject) -> &'a HeaderMap {
    // SAFETY: requests and responses are `repr(C)` with the map as their first field.
    unsafe { &*headers.cast() }
}

/// # Safety
///
/// Same as [`map`], and nothing else borrows the message.
unsafe fn map_mut<'a>(headers: *mut HeadersObject) -> &'a mut HeaderMap {
    // SAFETY: as in `map`; the plugin's handle is borrowed mutably.
    unsafe { &mut *headers.cast() }
}

pub(super) unsafe extern "C" fn get(
    headers: *const HeadersObject,
    name: RawSlice<'_>,
    index: usize,
) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed for as long as it uses the value.
    let map = unsafe { map(headers) };
    let value = name_cache::with(name.or_empty(), |name| {
        if index == 0 {
            map.get(name)
        } else {
            map.get_all(name).into_iter().nth(index)
        }
    });
    RawSlice::maybe(value.flatten().map(HeaderValue::as_bytes))
}

pub(super) unsafe extern "C" fn set(
    headers: *mut HeadersObject,
    name: RawSlice<'_>,
    value: RawSlice<'_>,
    how: SetHeader,
) -> HeaderOutcome {
    let Some(name) = name_cache::parse(name.or_empty()) else {
        return HeaderOutcome::BadName;
    };
    let Some(value) = value_cache::parse(value.or_empty()) else {
        return HeaderOutcome::BadValue;
    };
    // SAFETY: the plugin's handle is borrowed mutably.
    let map = unsafe { map_mut(headers) };
    let done = match how {
        SetHeader::Insert => map.try_insert(name, value).map(drop),
        SetHeader::Append => map.try_append(name, value).map(drop),
    };
    if done.is_ok() {
        HeaderOutcome::Done
    } else {
        HeaderOutcome::TooMany
    }
}

pub(super) unsafe extern "C" fn remove(headers: *mut HeadersObject, name: RawSlice<'_>) -> usize {
    // SAFETY: the plugin's handle is borrowed mutably.
    let map = unsafe { map_mut(headers) };
    match map.try_entry(name.str()) {
        Ok(http::header::Entry::Occupied(entry)) => entry.remove_entry_mult().1.count(),
        _ => 0,
    }
}

pub(super) unsafe extern "C" fn visit(headers: *const HeadersObject, visitor: Visitor) {
    // SAFETY: the plugin's handle is alive and borrowed.
    for (name, value) in unsafe { map(headers) } {
        // SAFETY: the plugin gave `each` with its `sink`.
        unsafe {
            (visitor.each)(
                visitor.sink,
                RawSlice::text(name.as_str()),
                RawSlice::new(value.as_bytes()),
            )
        };
    }
}

pub(super) unsafe extern "C" fn clear(headers: *mut HeadersObject) {
    // SAFETY: the plugin's handle is borrowed mutably.
    unsafe { map_mut(headers) }.clear();
}
