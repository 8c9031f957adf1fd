//! What crosses for a counter: its handle, or why there is none.

use abi_stable::StableAbi;
use abi_stable::std_types::RString;

#[repr(C)]
#[derive(StableAbi)]
pub struct CounterTable {
    pub add: unsafe extern "C" fn(data: *const (), count: u64),
    pub drop: unsafe extern "C" fn(data: *const ()),
}

/// A counter of the host's. Dropping it ends the use of it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawCounter {
    data: *const (),
    table: &'static CounterTable,
}

// SAFETY: the host makes these from `Send` and `Sync` data only.
unsafe impl Send for RawCounter {}
// SAFETY: as above.
unsafe impl Sync for RawCounter {}

impl RawCounter {
    /// Wraps `data`, which `table` can add to and drop.
    ///
    /// # Safety
    ///
    /// `table`'s functions accept `data` on any thread, and it is dropped by nobody else.
    #[cfg(feature = "host")]
    pub unsafe fn new(data: *const (), table: &'static CounterTable) -> Self {
        Self { data, table }
    }

    /// Adds to it.
    #[inline]
    pub fn add(&self, count: u64) {
        // SAFETY: `new` bound data and table.
        unsafe { (self.table.add)(self.data, count) }
    }
}

impl Drop for RawCounter {
    fn drop(&mut self) {
        // SAFETY: `new` bound data and table, and this is the only drop.
        unsafe { (self.table.drop)(self.data) }
    }
}

/// What the host answers to a plugin that asks for a counter.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawCounterReply {
    Opened(RawCounter),
    /// Why not, for people.
    Refused(RString),
}
