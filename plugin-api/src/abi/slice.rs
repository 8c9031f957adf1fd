//! Borrowed bytes as two registers; a null pointer means "absent".

use std::marker::PhantomData;

use abi_stable::StableAbi;

/// Bytes that may be absent, borrowed for `'a`.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawSlice<'a> {
    ptr: *const u8,
    len: usize,
    lifetime: PhantomData<&'a u8>,
}

impl<'a> RawSlice<'a> {
    /// No bytes.
    pub const ABSENT: Self = Self {
        ptr: std::ptr::null(),
        len: 0,
        lifetime: PhantomData,
    };

    /// Borrows `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            ptr: bytes.as_ptr(),
            len: bytes.len(),
            lifetime: PhantomData,
        }
    }

    /// Borrows `text`.
    pub const fn text(text: &'a str) -> Self {
        Self::new(text.as_bytes())
    }

    /// Borrows the bytes, or is absent.
    pub fn maybe(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(Self::ABSENT, Self::new)
    }

    /// The bytes, or `None` if absent.
    #[inline]
    pub fn bytes(self) -> Option<&'a [u8]> {
        if self.ptr.is_null() {
            return None;
        }
        // SAFETY: made by `new` from a slice that lives for 'a; the other side keeps the same rule.
        Some(unsafe { std::slice::from_raw_parts(self.ptr, self.len) })
    }

    /// The bytes; empty if absent.
    #[inline]
    pub fn or_empty(self) -> &'a [u8] {
        self.bytes().unwrap_or_default()
    }

    /// The text; empty if absent or not UTF-8.
    pub fn str(self) -> &'a str {
        std::str::from_utf8(self.or_empty()).unwrap_or_default()
    }
}

// SAFETY: a shared borrow of bytes, as `&'a [u8]`.
unsafe impl Send for RawSlice<'_> {}
// SAFETY: as above.
unsafe impl Sync for RawSlice<'_> {}
