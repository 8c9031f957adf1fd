//! The counters that a process lends its handlers.
//!
//! A counter belongs to a handler's name, so an instance goes on with the counts of the one that it replaces. It ends with the
//! last instance that uses it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::context;
use crate::abi::counter::{CounterTable, RawCounter, RawCounterReply};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, Field};

/// The most counters of an instance: labels are made by people, not by requests.
const MOST: usize = 2048;

/// The most labels of a counter.
const MOST_LABELS: usize = 8;

/// The longest name of a counter or a label, the longest value of a label, the longest help; in bytes.
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 128;
const LONGEST_HELP: usize = 512;

/// The most cores that count apart.
const MOST_SLOTS: usize = 32;

/// All counters of a process.
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<CounterId, Weak<Counter>>>);

/// What identifies a counter. Its labels are in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CounterId {
    handler: String,
    name: String,
    labels: Vec<(String, String)>,
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
        let id = CounterId::new(handler, name, labels)?;
        if help.len() > LONGEST_HELP {
            return Err(format!(
                "the help of the counter `{name}` is longer than {LONGEST_HELP} bytes"
            ));
        }
        let mut counters = self.lock();
        counters.retain(|_, counter| counter.strong_count() > 0);
        if let Some(counter) = counters.get(&id).and_then(Weak::upgrade) {
            counter.owner.store(owner, Ordering::Relaxed);
            return Ok(counter);
        }
        let own = counters.values().filter_map(Weak::upgrade);
        let own = own.filter(|counter| counter.owner.load(Ordering::Relaxed) == owner);
        if own.count() >= MOST {
            return Err(format!(
                "the counter `{name}` is one too many: a handler has at most {MOST}; give it fewer values of labels"
            ));
        }
        let counter = Arc::new(Counter::new(help, owner));
        counters.insert(id, Arc::downgrade(&counter));
        Ok(counter)
    }

    /// All of them, in the order of handlers, names and labels.
    pub fn values(&self) -> Vec<CounterValue> {
        let counters = self.lock();
        let living = counters
            .iter()
            .filter_map(|(id, counter)| Some((id, counter.upgrade()?)));
        living
            .map(|(id, counter)| CounterValue {
                handler: id.handler.clone(),
                name: id.name.clone(),
                labels: id.labels.clone(),
                help: counter.help.clone(),
                value: counter.value(),
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CounterId, Weak<Counter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CounterId {
    fn new(handler: &str, name: &str, labels: &[(&str, &str)]) -> Result<Self, String> {
        check_name("counter", name)?;
        if labels.len() > MOST_LABELS {
            return Err(format!(
                "the counter `{name}` has more than {MOST_LABELS} labels"
            ));
        }
        let mut sorted = BTreeMap::new();
        for (label, value) in labels {
            check_name("label", label)?;
            if value.len() > LONGEST_VALUE {
                return Err(format!(
                    "the label `{label}` of the counter `{name}` is longer than {LONGEST_VALUE} bytes"
                ));
            }
            let before = sorted.insert((*label).to_owned(), (*value).to_owned());
            if before.is_some() {
                return Err(format!("the counter `{name}` has two labels `{label}`"));
            }
        }
        Ok(Self {
            handler: handler.to_owned(),
            name: name.to_owned(),
            labels: sorted.into_iter().collect(),
        })
    }
}

/// Such a name is one in OpenMetrics, too.
fn check_name(what: &str, name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    if begins && name.len() <= LONGEST_NAME && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no name of a {what}: it has 1 to {LONGEST_NAME} characters, `a` to `z`, digits and `_`, and begins with a letter"
    ))
}

impl Counter {
    fn new(help: &str, owner: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let slots = cores.next_power_of_two().min(MOST_SLOTS);
        Self {
            help: help.to_owned(),
            owner: AtomicUsize::new(owner),
            slots: (0..slots).map(|_| Slot::default()).collect(),
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

/// Tells threads apart; small numbers.
#[inline]
fn thread_number() -> usize {
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
    let labels: &[Field<'_>] = match count {
        0 => &[],
        // SAFETY: the plugin lends `count` labels during the call.
        count => unsafe { std::slice::from_raw_parts(labels, count) },
    };
    let labels: Vec<_> = labels
        .iter()
        .map(|label| (label.name.str(), label.value.str()))
        .collect();
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
