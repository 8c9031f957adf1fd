//! The histograms that a process lends its handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::counters::{HistogramValue, core_slots, thread_number};
use super::gauges::add;
use super::series::{Instrument, asked, drop_one};
use crate::abi::gauge::{HistogramTable, RawHistogram, RawHistogramReply};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, Field};

/// The most bounds of a histogram: each is a series for whoever reads it.
const MOST_BOUNDS: usize = 32;

/// Counts values by bounds. Threads count in different slots, as for a counter.
#[derive(Debug)]
pub(super) struct Histogram {
    help: String,
    pub(super) bounds: Box<[f64]>,
    owner: AtomicUsize,
    slots: Box<[Slot]>,
}

/// Alone in its lines of a cache.
#[derive(Debug)]
#[repr(align(128))]
struct Slot {
    /// The bits of an `f64`.
    sum: AtomicU64,
    /// How many values are up to each bound, and above the one before; then those above all.
    counts: Box<[AtomicU64]>,
}

impl Instrument for Histogram {
    const KIND: &'static str = "histogram";

    type Value = HistogramValue;

    fn owner(&self) -> &AtomicUsize {
        &self.owner
    }

    fn help(&self) -> &str {
        &self.help
    }

    fn read(&self) -> HistogramValue {
        let count = |bucket: usize| {
            let slots = self.slots.iter().filter_map(|slot| slot.counts.get(bucket));
            slots.fold(0u64, |sum, count| {
                sum.wrapping_add(count.load(Ordering::Relaxed))
            })
        };
        let mut all = 0u64;
        let mut buckets = Vec::new();
        for (bucket, bound) in self.bounds.iter().enumerate() {
            all = all.wrapping_add(count(bucket));
            buckets.push((*bound, all));
        }
        let sums = self.slots.iter().map(|slot| &slot.sum);
        let sums = sums.map(|sum| f64::from_bits(sum.load(Ordering::Relaxed)));
        HistogramValue {
            buckets,
            count: all.wrapping_add(count(self.bounds.len())),
            sum: sums.sum(),
        }
    }
}

impl Histogram {
    pub(super) fn new(help: &str, bounds: &[f64], owner: usize) -> Self {
        let slot = || Slot {
            sum: AtomicU64::new(0),
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
        };
        Self {
            help: help.to_owned(),
            bounds: bounds.into(),
            owner: AtomicUsize::new(owner),
            slots: (0..core_slots()).map(|_| slot()).collect(),
        }
    }

    #[inline]
    pub(super) fn observe(&self, value: f64) {
        // What is no number is above all bounds, and makes the sum none either.
        let bucket = self.bounds.iter().position(|bound| value <= *bound);
        let bucket = bucket.unwrap_or(self.bounds.len());
        // Their number is a power of two.
        let slot = self.slots.get(thread_number() & (self.slots.len() - 1));
        if let Some(slot) = slot
            && let Some(count) = slot.counts.get(bucket)
        {
            count.fetch_add(1, Ordering::Relaxed);
            add(&slot.sum, value);
        }
    }
}

/// What is wrong with the bounds or the labels.
fn check(name: &str, bounds: &[f64], labels: &[(&str, &str)]) -> Result<(), String> {
    if bounds.is_empty() || bounds.len() > MOST_BOUNDS {
        let count = bounds.len();
        return Err(format!(
            "the histogram `{name}` has {count} bounds: it needs 1 to {MOST_BOUNDS}"
        ));
    }
    let is_finite = bounds.iter().all(|bound| bound.is_finite());
    if !is_finite || !bounds.is_sorted_by(|one, next| one < next) {
        return Err(format!(
            "the bounds of the histogram `{name}` must be finite numbers, each greater than the one before: {bounds:?}"
        ));
    }
    match labels.iter().any(|(label, _)| *label == "le") {
        true => Err(format!(
            "the histogram `{name}` can't have a label `le`: that is the name of its bounds"
        )),
        false => Ok(()),
    }
}

pub(super) unsafe extern "C" fn open(
    context: *const ContextObject,
    name: RawSlice<'_>,
    help: RawSlice<'_>,
    labels: *const Field<'_>,
    label_count: usize,
    bounds: *const f64,
    bound_count: usize,
) -> RawHistogramReply {
    // SAFETY: the plugin's handle points to a context of this host; it lends texts and labels during the call.
    let (counters, wanted) = unsafe { asked(context, name, help, labels, label_count) };
    let bounds: &[f64] = match bound_count {
        0 => &[],
        // SAFETY: the plugin lends so many bounds during the call.
        count => unsafe { std::slice::from_raw_parts(bounds, count) },
    };
    let new = || Histogram::new(wanted.help, bounds, wanted.owner);
    // One with other bounds, of other code of the plugin, is read no more: its counts can't be added.
    let fits = |known: &Histogram| *known.bounds == *bounds;
    let opened = check(wanted.name, bounds, &wanted.labels)
        .and_then(|()| counters.histograms.open(&wanted, fits, new));
    match opened {
        Ok(histogram) => {
            let data = Arc::into_raw(histogram).cast();
            // SAFETY: the table is for this very type, which is Send and Sync.
            RawHistogramReply::Opened(unsafe { RawHistogram::new(data, &TABLE) })
        }
        Err(why) => RawHistogramReply::Refused(why.into()),
    }
}

static TABLE: HistogramTable = HistogramTable {
    observe,
    drop: drop_one::<Histogram>,
};

unsafe extern "C" fn observe(data: *const (), value: f64) {
    // SAFETY: the data of `open`, which the plugin still has.
    unsafe { &*data.cast::<Histogram>() }.observe(value);
}
