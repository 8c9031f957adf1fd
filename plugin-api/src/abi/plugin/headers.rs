//! A plugin's handle to the headers of a message that the host owns.

use std::marker::PhantomData;

use super::host;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{HeaderOutcome, HeadersObject, SetHeader, Visitor};

/// A pointer to headers, valid for `'a`. Editing needs a mutable borrow of the message.
#[derive(Clone, Copy)]
pub(crate) struct HeadersHandle<'a> {
    object: *mut HeadersObject,
    message: PhantomData<&'a ()>,
}

// SAFETY: a borrow of a message, whose headers are plain data.
unsafe impl Send for HeadersHandle<'_> {}
// SAFETY: as above.
unsafe impl Sync for HeadersHandle<'_> {}

impl<'a> HeadersHandle<'a> {
    /// # Safety
    ///
    /// `object` is a live message of the host, borrowed for `'a`; mutably if `set`, `remove` or
    /// `clear` are to be called.
    pub(super) unsafe fn new(object: *mut HeadersObject) -> Self {
        Self {
            object,
            message: PhantomData,
        }
    }

    pub(crate) fn nth(self, name: &str, index: usize) -> Option<&'a [u8]> {
        // SAFETY: `new`'s promise; the value lives in the message, which is borrowed for 'a.
        unsafe { host().header_get()(self.object, RawSlice::text(name), index) }.bytes()
    }

    pub(crate) fn all(self) -> Vec<(&'a str, &'a [u8])> {
        unsafe extern "C" fn push(sink: *mut (), name: RawSlice<'_>, value: RawSlice<'_>) {
            // SAFETY: `sink` is the vector below; the slices live in the message, borrowed for 'a.
            unsafe {
                let list = &mut *sink.cast::<Vec<(&str, &[u8])>>();
                list.push(std::mem::transmute::<(&str, &[u8]), (&str, &[u8])>((
                    name.str(),
                    value.or_empty(),
                )));
            }
        }
        let mut list: Vec<(&'a str, &'a [u8])> = Vec::new();
        // SAFETY: `new`'s promise, and `push` takes this sink.
        unsafe {
            host().header_visit()(
                self.object,
                Visitor {
                    sink: (&raw mut list).cast(),
                    each: push,
                },
            )
        };
        list
    }

    pub(crate) fn set(self, name: &str, value: &[u8], how: SetHeader) -> HeaderOutcome {
        let (name, value) = (RawSlice::text(name), RawSlice::new(value));
        // SAFETY: `new`'s promise.
        unsafe { host().header_set()(self.object, name, value, how) }
    }

    pub(crate) fn remove(self, name: &str) -> usize {
        // SAFETY: `new`'s promise.
        unsafe { host().header_remove()(self.object, RawSlice::text(name)) }
    }

    pub(crate) fn clear(self) {
        // SAFETY: `new`'s promise.
        unsafe { host().header_clear()(self.object) }
    }
}
