//! The counters that a process lends its handlers, with gauges and histograms beside them.
//!
//! Each belongs to a handler's name, so an instance goes on with the counts of the one that it replaces. It ends with the
//! last instance that uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::context;
use super::gauges::Gauge;
use super::histograms::Histogram;
use super::series::{Instrument, Series, Wanted, labels};
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

/// A counter and its count so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterValue {
    /// `plugin` or `plugin#handler`.
    pub handler: String,
    /// Its name, which others of the handler may have with other labels.
    pub name: String,
    /// Names and values, in the order of the names.
    pub labels: Vec<(String, String)>,
    /// What it counts, for people.
    pub help: String,
    /// The count.
    pub value: u64,
}

/// A gauge and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct GaugeReading {
    /// `plugin` or `plugin#handler`.
    pub handler: String,
    /// Its name, which others of the handler may have with other labels.
    pub name: String,
    /// Names and values, in the order of the names.
    pub labels: Vec<(String, String)>,
    /// What it measures, for people.
    pub help: String,
    /// The value.
    pub value: f64,
}

/// A histogram and what it has counted.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramReading {
    /// `plugin` or `plugin#handler`.
    pub handler: String,
    /// Its name, which others of the handler may have with other labels.
    pub name: String,
    /// Names and values, in the order of the names.
    pub labels: Vec<(String, String)>,
    /// What it measures, for people.
    pub help: String,
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

    fn owner(&self) -> &AtomicUsize {
        &self.owner
    }
}

impl Counters {
    /// The counter of this name and these labels, for the instance of `handler` that `owner` identifies.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or that the instance has too many.
    fn open(
        &self,
        owner: usize,
        handler: &str,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<Arc<Counter>, String> {
        let wanted = Wanted {
            owner,
            handler,
            name,
            help,
            labels,
        };
        let new = || Counter::new(help, owner);
        self.counters.open(&wanted, |_| true, new)
    }

    /// All counters, in the order of handlers, names and labels.
    pub fn values(&self) -> Vec<CounterValue> {
        let counters = self.counters.all().into_iter();
        counters
            .map(|(id, counter)| CounterValue {
                handler: id.handler,
                name: id.name,
                labels: id.labels,
                help: counter.help.clone(),
                value: counter.value(),
            })
            .collect()
    }

    /// All gauges, in the same order.
    pub fn gauges(&self) -> Vec<GaugeReading> {
        let gauges = self.gauges.all().into_iter();
        gauges
            .map(|(id, gauge)| GaugeReading {
                handler: id.handler,
                name: id.name,
                labels: id.labels,
                help: gauge.help.clone(),
                value: gauge.value(),
            })
            .collect()
    }

    /// All histograms, in the same order.
    pub fn histograms(&self) -> Vec<HistogramReading> {
        let histograms = self.histograms.all().into_iter();
        histograms
            .map(|(id, histogram)| {
                let (buckets, count, sum) = histogram.read();
                HistogramReading {
                    handler: id.handler,
                    name: id.name,
                    labels: id.labels,
                    help: histogram.help.clone(),
                    buckets,
                    count,
                    sum,
                }
            })
            .collect()
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

    fn value(&self) -> u64 {
        let slots = self.slots.iter();
        slots.fold(0, |sum, slot| {
            sum.wrapping_add(slot.0.load(Ordering::Relaxed))
        })
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
    raw_labels: *const Field<'_>,
    count: usize,
) -> RawCounterReply {
    // SAFETY: the plugin lends `count` labels during the call.
    let labels = unsafe { labels(raw_labels, count) };
    let owner = context.addr();
    // SAFETY: the plugin's handle points to a context of this host.
    let context = unsafe { context::of(context) };
    let (name, help) = (name.str(), help.str());
    let opened = context
        .counters
        .open(owner, &context.handler, name, help, &labels);
    match opened {
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
    drop: drop_counter,
};

unsafe extern "C" fn add(data: *const (), count: u64) {
    // SAFETY: the data of `open`, which the plugin still has.
    unsafe { &*data.cast::<Counter>() }.add(count);
}

unsafe extern "C" fn drop_counter(data: *const ()) {
    // SAFETY: the data of `open`, given up by the plugin.
    drop(unsafe { Arc::from_raw(data.cast::<Counter>()) });
}

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
