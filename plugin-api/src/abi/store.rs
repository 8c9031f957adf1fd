//! What crosses for a call of the store: one request, and its reply at once or later.

use abi_stable::StableAbi;
use abi_stable::std_types::{RString, RVec};

use super::body::RawBytes;
use super::slice::RawSlice;
use super::waker::RawWaker;

/// An operation on one namespace. A host that does not know `operation` answers with [`FAILED`](failure).
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawStoreRequest<'a> {
    /// One of [`operation`].
    pub operation: u32,
    /// The largest number of entries of a page.
    pub limit: u32,
    /// The key, or the prefix of a scan.
    pub key: RawSlice<'a>,
    /// The value to store; for a scan the key after which the page begins, or absent.
    pub value: RawSlice<'a>,
    /// What to add to a counter.
    pub delta: i64,
    /// The version that the entry must have; 0 for "no entry".
    pub version: u64,
    /// The time to live in milliseconds; 0 for no end.
    pub ttl: u64,
}

/// The values of [`RawStoreRequest::operation`].
pub mod operation {
    pub const GET: u32 = 1;
    pub const SET: u32 = 2;
    pub const DELETE: u32 = 3;
    pub const ADD: u32 = 4;
    pub const COMPARE_AND_SET: u32 = 5;
    pub const SCAN: u32 = 6;
}

/// The values of [`RawStoreReply::Failed`]'s `kind`.
pub mod failure {
    pub const UNAVAILABLE: u32 = 1;
    pub const TOO_LARGE: u32 = 2;
    pub const NOT_A_NUMBER: u32 = 3;
    pub const INVALID: u32 = 4;
    pub const UNSUPPORTED: u32 = 5;
}

#[repr(C)]
#[derive(StableAbi)]
pub struct RawStoreEntry {
    pub key: RVec<u8>,
    pub value: RawBytes,
    pub version: u64,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum RawStoreReply {
    /// There is no such entry.
    Missing,
    Entry {
        value: RawBytes,
        version: u64,
    },
    /// The entry was stored, with this version.
    Stored(u64),
    /// The entry has another version.
    Conflict,
    /// The entry was removed.
    Deleted,
    /// A counter's new value.
    Number(i64),
    Page {
        entries: RVec<RawStoreEntry>,
        /// Whether entries follow the last one.
        more: bool,
    },
    Failed {
        kind: u32,
        message: RString,
    },
}

/// What a call returns.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawStoreAnswer {
    Ready(RawStoreReply),
    Later(RawStoreFuture),
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum RawStorePoll {
    Pending,
    Ready(RawStoreReply),
}

#[repr(C)]
#[derive(StableAbi)]
pub struct StoreFutureTable {
    pub poll: unsafe extern "C" fn(data: *mut (), waker: *const RawWaker) -> RawStorePoll,
    pub drop: unsafe extern "C" fn(data: *mut ()),
}

/// A reply that the host waits for. Dropping it gives up the wait; the operation may still take effect.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawStoreFuture {
    data: *mut (),
    table: &'static StoreFutureTable,
}

// SAFETY: the host makes these from `Send` futures only.
unsafe impl Send for RawStoreFuture {}

impl RawStoreFuture {
    /// Wraps `data`, which `table` can poll and drop.
    ///
    /// # Safety
    ///
    /// `table`'s functions accept `data`, which is `Send` and not used elsewhere.
    #[cfg(feature = "host")]
    pub unsafe fn new(data: *mut (), table: &'static StoreFutureTable) -> Self {
        Self { data, table }
    }

    /// Polls once.
    ///
    /// # Safety
    ///
    /// Not called again after it was ready; `waker` is lent for this call.
    pub unsafe fn poll(&mut self, waker: *const RawWaker) -> RawStorePoll {
        // SAFETY: `new` bound data and table.
        unsafe { (self.table.poll)(self.data, waker) }
    }
}

impl Drop for RawStoreFuture {
    fn drop(&mut self) {
        // SAFETY: `new` bound data and table, and this is the only drop.
        unsafe { (self.table.drop)(self.data) }
    }
}
