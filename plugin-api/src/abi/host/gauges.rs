//! The gauges that a process lends its handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::series::{Instrument, asked, drop_one};
use crate::abi::gauge::{GaugeTable, RawGauge, RawGaugeReply};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, Field};

/// A value that goes up and down. All threads share it, alone in its lines of the cache: a sum over threads could not be set.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Gauge {
    /// The bits of an `f64`.
    value: AtomicU64,
    help: String,
    owner: AtomicUsize,
}

impl Instrument for Gauge {
    const KIND: &'static str = "gauge";

    type Value = f64;

    fn owner(&self) -> &AtomicUsize {
        &self.owner
    }

    fn help(&self) -> &str {
        &self.help
    }

    fn read(&self) -> f64 {
        f64::from_bits(self.value.load(Ordering::Relaxed))
    }
}

impl Gauge {
    pub(super) fn new(help: &str, owner: usize) -> Self {
        Self {
            value: AtomicU64::new(0),
            help: help.to_owned(),
            owner: AtomicUsize::new(owner),
        }
    }

    pub(super) fn set(&self, value: f64) {
        self.value.store(value.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn add(&self, value: f64) {
        add(&self.value, value);
    }
}

/// Adds to the `f64` in `bits`.
pub(super) fn add(bits: &AtomicU64, value: f64) {
    let sum = |bits| Some((f64::from_bits(bits) + value).to_bits());
    // It never refuses, so it ends with the sum.
    let _ = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
}

pub(super) unsafe extern "C" fn open(
    context: *const ContextObject,
    name: RawSlice<'_>,
    help: RawSlice<'_>,
    labels: *const Field<'_>,
    count: usize,
) -> RawGaugeReply {
    // SAFETY: the plugin's handle points to a context of this host; it lends texts and labels during the call.
    let (counters, wanted) = unsafe { asked(context, name, help, labels, count) };
    let new = || Gauge::new(wanted.help, wanted.owner);
    match counters.gauges.open(&wanted, |_| true, new) {
        Ok(gauge) => {
            let data = Arc::into_raw(gauge).cast();
            // SAFETY: the table is for this very type, which is Send and Sync.
            RawGaugeReply::Opened(unsafe { RawGauge::new(data, &TABLE) })
        }
        Err(why) => RawGaugeReply::Refused(why.into()),
    }
}

static TABLE: GaugeTable = GaugeTable {
    set: set_gauge,
    add: add_gauge,
    drop: drop_one::<Gauge>,
};

unsafe extern "C" fn set_gauge(data: *const (), value: f64) {
    // SAFETY: the data of `open`, which the plugin still has.
    unsafe { &*data.cast::<Gauge>() }.set(value);
}

unsafe extern "C" fn add_gauge(data: *const (), value: f64) {
    // SAFETY: the data of `open`, which the plugin still has.
    unsafe { &*data.cast::<Gauge>() }.add(value);
}
