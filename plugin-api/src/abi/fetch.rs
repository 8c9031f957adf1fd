//! What crosses for a request to another server: where it goes, and its response later.

use abi_stable::StableAbi;
use abi_stable::std_types::RString;

use super::slice::RawSlice;
use super::tables::{HeadersObject, ResponseObject};
use super::waker::RawWaker;

/// Where a request goes, and how. A time of 0 is the host's own.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawFetch<'a> {
    /// The target, in absolute form.
    pub uri: RawSlice<'a>,
    /// The unix socket to connect to, in place of the target's authority; or absent.
    pub socket: RawSlice<'a>,
    /// The certificates to trust in place of the platform's, as PEM; or absent.
    pub roots: RawSlice<'a>,
    /// Milliseconds until there is a connection.
    pub connect_timeout: u64,
    /// Milliseconds from then on, until the head of the response.
    pub head_timeout: u64,
    /// Milliseconds between two pieces of the response's body.
    pub body_timeout: u64,
    pub informational: RawInformational,
}

/// A closure for 1xx responses; none if `data` is null. Its drop frees it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawInformational {
    pub data: *mut (),
    pub call: unsafe extern "C" fn(data: *mut (), status: u16, headers: *const HeadersObject),
    pub drop: unsafe extern "C" fn(data: *mut ()),
}

/// The values of [`RawFetchFailure::phase`].
pub mod phase {
    pub const UNSUPPORTED: u32 = 0;
    pub const INVALID: u32 = 1;
    pub const LIMIT: u32 = 2;
    pub const CONNECT: u32 = 3;
    pub const REQUEST_BODY: u32 = 4;
    pub const EXCHANGE: u32 = 5;
}

/// Why there is no response.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawFetchFailure {
    /// One of [`phase`].
    pub phase: u32,
    /// The status for a client.
    pub status: u16,
    pub message: RString,
}

#[repr(u8)]
#[derive(StableAbi)]
pub enum RawFetchPoll {
    Pending,
    Ready(*mut ResponseObject),
    Failed(RawFetchFailure),
}

#[repr(C)]
#[derive(StableAbi)]
pub struct FetchFutureTable {
    pub poll: unsafe extern "C" fn(data: *mut (), waker: *const RawWaker) -> RawFetchPoll,
    pub drop: unsafe extern "C" fn(data: *mut ()),
}

/// A response that the host waits for. Dropping it cancels the request.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawFetchFuture {
    data: *mut (),
    table: &'static FetchFutureTable,
}

// SAFETY: the host makes these from `Send` futures only.
unsafe impl Send for RawFetchFuture {}

impl RawFetchFuture {
    /// Wraps `data`, which `table` can poll and drop.
    ///
    /// # Safety
    ///
    /// `table`'s functions accept `data`, which is `Send` and not used elsewhere.
    #[cfg(feature = "host")]
    pub unsafe fn new(data: *mut (), table: &'static FetchFutureTable) -> Self {
        Self { data, table }
    }

    /// Polls once.
    ///
    /// # Safety
    ///
    /// Not called again after it was ready; `waker` is lent for this call.
    pub unsafe fn poll(&mut self, waker: *const RawWaker) -> RawFetchPoll {
        // SAFETY: `new` bound data and table.
        unsafe { (self.table.poll)(self.data, waker) }
    }
}

impl Drop for RawFetchFuture {
    fn drop(&mut self) {
        // SAFETY: `new` bound data and table, and this is the only drop.
        unsafe { (self.table.drop)(self.data) }
    }
}
