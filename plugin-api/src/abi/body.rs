//! Bytes, files, frames and bodies that cross the boundary: a data pointer and a table, freed by the side that
//! made them.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use abi_stable::StableAbi;
use abi_stable::std_types::{RVec, Tuple2};
use bytes::Bytes;

use super::tables::ErrorObject;
use super::waker::RawWaker;

/// Shared bytes with the function that frees them.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawBytes {
    ptr: *const u8,
    len: usize,
    owner: *mut (),
    drop: unsafe extern "C" fn(owner: *mut ()),
}

// SAFETY: immutable bytes; the owner is a boxed `Bytes`, which is Send and Sync.
unsafe impl Send for RawBytes {}
// SAFETY: as above.
unsafe impl Sync for RawBytes {}

impl From<Bytes> for RawBytes {
    fn from(bytes: Bytes) -> Self {
        unsafe extern "C" fn free(owner: *mut ()) {
            // SAFETY: `owner` came from `Box::into_raw` below and is freed once.
            drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
        }
        let owner = Box::new(bytes);
        Self {
            ptr: owner.as_ptr(),
            len: owner.len(),
            owner: Box::into_raw(owner).cast(),
            drop: free,
        }
    }
}

impl From<RawBytes> for Bytes {
    fn from(raw: RawBytes) -> Self {
        Bytes::from_owner(raw)
    }
}

impl AsRef<[u8]> for RawBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `owner` keeps the bytes alive and in place until `drop`.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

impl Drop for RawBytes {
    fn drop(&mut self) {
        // SAFETY: made by `From<Bytes>` on one of the two sides.
        unsafe { (self.drop)(self.owner) }
    }
}

/// An open file with the function that gives it up.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawFile {
    descriptor: RawFd,
    owner: *mut (),
    drop: unsafe extern "C" fn(owner: *mut ()),
}

// SAFETY: the owner is a boxed `Arc<File>`, which is Send and Sync.
unsafe impl Send for RawFile {}
// SAFETY: as above.
unsafe impl Sync for RawFile {}

impl From<Arc<File>> for RawFile {
    fn from(file: Arc<File>) -> Self {
        unsafe extern "C" fn free(owner: *mut ()) {
            // SAFETY: `owner` came from `Box::into_raw` below and is freed once.
            drop(unsafe { Box::from_raw(owner.cast::<Arc<File>>()) });
        }
        Self {
            descriptor: file.as_raw_fd(),
            owner: Box::into_raw(Box::new(file)).cast(),
            drop: free,
        }
    }
}

impl AsFd for RawFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `owner` keeps the file open until `drop`.
        unsafe { BorrowedFd::borrow_raw(self.descriptor) }
    }
}

impl Drop for RawFile {
    fn drop(&mut self) {
        // SAFETY: made by `From<Arc<File>>` on the side that has `drop`.
        unsafe { (self.drop)(self.owner) }
    }
}

/// The result of polling a body for its next frame.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawFrame {
    Pending,
    Data(RawBytes),
    Trailers(RVec<Tuple2<RVec<u8>, RVec<u8>>>),
    /// An error that the receiver owns.
    Failed(*mut ErrorObject),
    End,
}

/// Bounds on the remaining bytes.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawSizeHint {
    pub lower: u64,
    pub upper: u64,
    pub has_upper: bool,
}

impl From<http_body::SizeHint> for RawSizeHint {
    fn from(hint: http_body::SizeHint) -> Self {
        Self {
            lower: hint.lower(),
            upper: hint.upper().unwrap_or_default(),
            has_upper: hint.upper().is_some(),
        }
    }
}

impl From<RawSizeHint> for http_body::SizeHint {
    fn from(raw: RawSizeHint) -> Self {
        let mut hint = Self::new();
        hint.set_lower(raw.lower);
        if raw.has_upper {
            // A wrong hint must not panic the host: `set_upper` asserts upper >= lower.
            hint.set_upper(raw.upper.max(raw.lower));
        }
        hint
    }
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = BodyTableRef)))]
#[sabi(missing_field(panic))]
pub struct BodyTable {
    pub poll_frame: unsafe extern "C" fn(data: *mut (), waker: *const RawWaker) -> RawFrame,
    pub size_hint: unsafe extern "C" fn(data: *const ()) -> RawSizeHint,
    pub is_end: unsafe extern "C" fn(data: *const ()) -> bool,
    #[sabi(last_prefix_field)]
    pub drop: unsafe extern "C" fn(data: *mut ()),
}

/// A body made by either side.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawBody {
    data: *mut (),
    table: BodyTableRef,
}

// SAFETY: both sides make these from `Send` bodies only.
unsafe impl Send for RawBody {}

impl RawBody {
    /// Wraps `data`, which `table` can poll and drop.
    ///
    /// # Safety
    ///
    /// `table`'s functions accept `data`, which is `Send` and not used elsewhere.
    pub unsafe fn new(data: *mut (), table: BodyTableRef) -> Self {
        Self { data, table }
    }

    /// Polls for the next frame.
    ///
    /// # Safety
    ///
    /// `waker` is lent for this call.
    pub unsafe fn poll_frame(&mut self, waker: *const RawWaker) -> RawFrame {
        // SAFETY: `new` bound data and table.
        unsafe { self.table.poll_frame()(self.data, waker) }
    }

    pub fn size_hint(&self) -> http_body::SizeHint {
        // SAFETY: `new` bound data and table.
        unsafe { self.table.size_hint()(self.data) }.into()
    }

    pub fn is_end(&self) -> bool {
        // SAFETY: `new` bound data and table.
        unsafe { self.table.is_end()(self.data) }
    }

    /// The data, if this body was made with `table`. The caller then owns it.
    #[cfg(feature = "host")]
    pub fn into_data_of(self, table: BodyTableRef) -> Result<*mut (), Self> {
        let same = std::ptr::eq(self.table.0.to_raw_ptr(), table.0.to_raw_ptr());
        if same {
            Ok(std::mem::ManuallyDrop::new(self).data)
        } else {
            Err(self)
        }
    }
}

impl Drop for RawBody {
    fn drop(&mut self) {
        // SAFETY: `new` bound data and table, and this is the only drop.
        unsafe { self.table.drop()(self.data) }
    }
}
