//! What a process lends its handlers to count and measure with: by handler, name and labels.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::context;
use super::counters::Counters;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, Field};

/// The most of a kind that an instance has: labels are made by people, not by requests.
pub(super) const MOST: usize = 2048;

/// The most labels of one.
const MOST_LABELS: usize = 8;

/// The longest name of one or of a label, the longest value of a label, the longest help; in bytes.
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 128;
const LONGEST_HELP: usize = 512;

/// A counter, a gauge or a histogram.
pub(super) trait Instrument {
    /// What it is, for people.
    const KIND: &'static str;

    /// What it says.
    type Value;

    /// The address of the context that has opened it last: whose limit it counts for.
    fn owner(&self) -> &AtomicUsize;

    /// What it counts or measures, for people.
    fn help(&self) -> &str;

    fn read(&self) -> Self::Value;
}

/// One of a handler's counters, gauges or histograms, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<T> {
    /// `plugin` or `plugin#handler`.
    pub handler: String,
    /// Its name, which others of the handler may have with other labels.
    pub name: String,
    /// Names and values, in the order of the names.
    pub labels: Vec<(String, String)>,
    /// What it counts or measures, for people.
    pub help: String,
    /// The value.
    pub value: T,
}

/// All of one kind that have a holder.
#[derive(Debug)]
pub(super) struct Series<T>(Mutex<BTreeMap<SeriesId, Weak<T>>>);

/// What identifies one of a kind. Its labels are in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeriesId {
    pub(super) handler: String,
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
}

/// What a handler asks for.
pub(super) struct Wanted<'a> {
    pub(super) owner: usize,
    pub(super) handler: &'a str,
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) labels: Vec<(&'a str, &'a str)>,
}

impl<T: Instrument> Series<T> {
    /// The one of this name and these labels that there is, if it `fits`, or else a new one.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or that the instance has too many.
    pub(super) fn open(
        &self,
        wanted: &Wanted<'_>,
        fits: impl Fn(&T) -> bool,
        new: impl FnOnce() -> T,
    ) -> Result<Arc<T>, String> {
        let (kind, name, owner) = (T::KIND, wanted.name, wanted.owner);
        let id = SeriesId::new(kind, wanted)?;
        if wanted.help.len() > LONGEST_HELP {
            return Err(format!(
                "the help of the {kind} `{name}` is longer than {LONGEST_HELP} bytes"
            ));
        }
        let mut all = self.lock();
        all.retain(|_, one| one.strong_count() > 0);
        let known = all.get(&id).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| fits(known)) {
            known.owner().store(owner, Ordering::Relaxed);
            return Ok(known);
        }
        let own = all.values().filter_map(Weak::upgrade);
        let own = own.filter(|one| one.owner().load(Ordering::Relaxed) == owner);
        if own.count() >= MOST {
            return Err(format!(
                "the {kind} `{name}` is one too many: a handler has at most {MOST}; give it fewer values of labels"
            ));
        }
        let one = Arc::new(new());
        all.insert(id, Arc::downgrade(&one));
        Ok(one)
    }

    /// All of them, in the order of handlers, names and labels.
    pub(super) fn read(&self) -> Vec<Reading<T::Value>> {
        let living = |(id, one): (&SeriesId, &Weak<T>)| Some((id.clone(), one.upgrade()?));
        let living: Vec<_> = self.lock().iter().filter_map(living).collect();
        living
            .into_iter()
            .map(|(id, one)| Reading {
                handler: id.handler,
                name: id.name,
                labels: id.labels,
                help: one.help().to_owned(),
                value: one.read(),
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SeriesId, Weak<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl SeriesId {
    fn new(kind: &str, wanted: &Wanted<'_>) -> Result<Self, String> {
        let name = wanted.name;
        check_name(kind, name)?;
        if wanted.labels.len() > MOST_LABELS {
            return Err(format!(
                "the {kind} `{name}` has more than {MOST_LABELS} labels"
            ));
        }
        let mut sorted = BTreeMap::new();
        for (label, value) in &wanted.labels {
            check_name("label", label)?;
            if value.len() > LONGEST_VALUE {
                return Err(format!(
                    "the label `{label}` of the {kind} `{name}` is longer than {LONGEST_VALUE} bytes"
                ));
            }
            let before = sorted.insert((*label).to_owned(), (*value).to_owned());
            if before.is_some() {
                return Err(format!("the {kind} `{name}` has two labels `{label}`"));
            }
        }
        Ok(Self {
            handler: wanted.handler.to_owned(),
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

/// What a plugin asks for in a call, and where there may be one.
///
/// # Safety
///
/// The context is one of this host's; the texts and `count` labels are lent for `'a`.
pub(super) unsafe fn asked<'a>(
    context: *const ContextObject,
    name: RawSlice<'a>,
    help: RawSlice<'a>,
    labels: *const Field<'a>,
    count: usize,
) -> (&'static Counters, Wanted<'a>) {
    let labels: &[Field<'a>] = match count {
        0 => &[],
        // SAFETY: the caller's promise.
        count => unsafe { std::slice::from_raw_parts(labels, count) },
    };
    let labels = labels.iter();
    let owner = context.addr();
    // SAFETY: the caller's promise.
    let context = unsafe { context::of(context) };
    let wanted = Wanted {
        owner,
        handler: &context.handler,
        name: name.str(),
        help: help.str(),
        labels: labels
            .map(|label| (label.name.str(), label.value.str()))
            .collect(),
    };
    (&context.counters, wanted)
}

/// The end of a plugin's use of one.
///
/// # Safety
///
/// `data` is of [`Arc::into_raw`] for a `T`, and is not used again.
pub(super) unsafe extern "C" fn drop_one<T>(data: *const ()) {
    // SAFETY: the caller's promise.
    drop(unsafe { Arc::from_raw(data.cast::<T>()) });
}
