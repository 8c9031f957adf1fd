//! The counters that a process lends its handlers, with gauges and histograms beside them.
//!
//! Each belongs to a handler's name, so an instance goes on with the counts of the one that it replaces. It ends with the
//! last instance that uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::gauges::Gauge;
use super::histograms::Histogram;
use super::series::{Instrument, Reading, Series, asked, drop_one};
use crate::abi::counter::{CounterTable, RawCounter, RawCounterReply};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, Field};

/// The most cores that count apart.
const MOST_SLOTS: usize = 32;

/// All counters, gauges and histograms of the handlers of a process.
#[derive(Debug, Default)]
pub struct Counters {
    counters: Series<Counter>,
    pub(super) gauges: Series<Gauge>,
    pub(super) histograms: Series<Histogram>,
}

/// What a histogram has counted.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramValue {
    /// Bounds, and how many values are at most so large.
    pub buckets: Vec<(f64, u64)>,
    /// The number of values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

/// A counter. Threads add to different slots, so that cores do not wait for each other's cache.
#[derive(Debug)]
struct Counter {
    help: String,
    /// The address of the context that has opened it last: whose limit it counts for.
    owner: AtomicUsize,
    slots: Box<[Slot]>,
}

/// Alone in two lines of a cache: processors may fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot(AtomicU64);

impl Instrument for Counter {
    const KIND: &'static str = "counter";

    type Value = u64;

    fn owner(&self) -> &AtomicUsize {
        &self.owner
    }

    fn help(&self) -> &str {
        &self.help
    }

    fn read(&self) -> u64 {
        let slots = self.slots.iter();
        slots.fold(0, |sum, slot| {
            sum.wrapping_add(slot.0.load(Ordering::Relaxed))
        })
    }
}

impl Counters {
    /// All counters, in the order of handlers, names and labels.
    pub fn values(&self) -> Vec<Reading<u64>> {
        self.counters.read()
    }

    /// All gauges, in the same order.
    pub fn gauges(&self) -> Vec<Reading<f64>> {
        self.gauges.read()
    }

    /// All histograms, in the same order.
    pub fn histograms(&self) -> Vec<Reading<HistogramValue>> {
        self.histograms.read()
    }
}

impl Counter {
    fn new(help: &str, owner: usize) -> Self {
        Self {
            help: help.to_owned(),
            owner: AtomicUsize::new(owner),
            slots: (0..core_slots()).map(|_| Slot::default()).collect(),
        }
    }

    #[inline]
    fn add(&self, count: u64) {
        // Their number is a power of two.
        let slot = thread_number() & (self.slots.len() - 1);
        if let Some(slot) = self.slots.get(slot) {
            slot.0.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// In how many slots threads count: a power of two.
pub(super) fn core_slots() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.next_power_of_two().min(MOST_SLOTS)
}

/// Tells threads apart; small numbers.
#[inline]
pub(super) fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // While the thread ends, any will do.
    NUMBER.try_with(|number| *number).unwrap_or_default()
}

pub(super) unsafe extern "C" fn open(
    context: *const ContextObject,
    name: RawSlice<'_>,
    help: RawSlice<'_>,
    labels: *const Field<'_>,
    count: usize,
) -> RawCounterReply {
    // SAFETY: the plugin's handle points to a context of this host; it lends texts and labels during the call.
    let (counters, wanted) = unsafe { asked(context, name, help, labels, count) };
    let new = || Counter::new(wanted.help, wanted.owner);
    match counters.counters.open(&wanted, |_| true, new) {
        Ok(counter) => {
            let data = Arc::into_raw(counter).cast();
            // SAFETY: the table is for this very type, which is Send and Sync.
            RawCounterReply::Opened(unsafe { RawCounter::new(data, &TABLE) })
        }
        Err(why) => RawCounterReply::Refused(why.into()),
    }
}

static TABLE: CounterTable = CounterTable {
    add,
    drop: drop_one::<Counter>,
};

unsafe extern "C" fn add(data: *const (), count: u64) {
    // SAFETY: the data of `open`, which the plugin still has.
    unsafe { &*data.cast::<Counter>() }.add(count);
}

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
