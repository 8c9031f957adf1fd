//! What crosses for gauges and histograms: their handles, or why there are none.

use abi_stable::StableAbi;
use abi_stable::std_types::RString;

#[repr(C)]
#[derive(StableAbi)]
pub struct GaugeTable {
    pub set: unsafe extern "C" fn(data: *const (), value: f64),
    pub add: unsafe extern "C" fn(data: *const (), value: f64),
    pub drop: unsafe extern "C" fn(data: *const ()),
}

#[repr(C)]
#[derive(StableAbi)]
pub struct HistogramTable {
    pub observe: unsafe extern "C" fn(data: *const (), value: f64),
    pub drop: unsafe extern "C" fn(data: *const ()),
}

/// A gauge of the host's. Dropping it ends the use of it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawGauge {
    data: *const (),
    table: &'static GaugeTable,
}

/// A histogram of the host's. Dropping it ends the use of it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawHistogram {
    data: *const (),
    table: &'static HistogramTable,
}

// SAFETY: the host makes these from `Send` and `Sync` data only.
unsafe impl Send for RawGauge {}
// SAFETY: as above.
unsafe impl Sync for RawGauge {}
// SAFETY: as above.
unsafe impl Send for RawHistogram {}
// SAFETY: as above.
unsafe impl Sync for RawHistogram {}

impl RawGauge {
    /// Wraps `data`, which `table` can change and drop.
    ///
    /// # Safety
    ///
    /// `table`'s functions accept `data` on any thread, and it is dropped by nobody else.
    #[cfg(feature = "host")]
    pub unsafe fn new(data: *const (), table: &'static GaugeTable) -> Self {
        Self { data, table }
    }

    /// Sets it.
    #[inline]
    pub fn set(&self, value: f64) {
        // SAFETY: `new` bound data and table.
        unsafe { (self.table.set)(self.data, value) }
    }

    /// Adds to it.
    #[inline]
    pub fn add(&self, value: f64) {
        // SAFETY: `new` bound data and table.
        unsafe { (self.table.add)(self.data, value) }
    }
}

impl Drop for RawGauge {
    fn drop(&mut self) {
        // SAFETY: `new` bound data and table, and this is the only drop.
        unsafe { (self.table.drop)(self.data) }
    }
}

impl RawHistogram {
    /// Wraps `data`, which `table` can observe with and drop.
    ///
    /// # Safety
    ///
    /// As for [`RawGauge::new`].
    #[cfg(feature = "host")]
    pub unsafe fn new(data: *const (), table: &'static HistogramTable) -> Self {
        Self { data, table }
    }

    /// Counts a value.
    #[inline]
    pub fn observe(&self, value: f64) {
        // SAFETY: `new` bound data and table.
        unsafe { (self.table.observe)(self.data, value) }
    }
}

impl Drop for RawHistogram {
    fn drop(&mut self) {
        // SAFETY: `new` bound data and table, and this is the only drop.
        unsafe { (self.table.drop)(self.data) }
    }
}

/// What the host answers to a plugin that asks for a gauge.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawGaugeReply {
    Opened(RawGauge),
    /// Why not, for people.
    Refused(RString),
}

/// What the host answers to a plugin that asks for a histogram.
#[repr(u8)]
#[derive(StableAbi)]
pub enum RawHistogramReply {
    Opened(RawHistogram),
    /// Why not, for people.
    Refused(RString),
}
