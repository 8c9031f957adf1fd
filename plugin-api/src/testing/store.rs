//! The store of a test: in memory, for one thread and the tasks that it spawns.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::clock;
use crate::abi::host::{
    StoreAnswer, StoreFailure, StoreFailureKind, StoreNamespace, StoreReply, StoreRequest,
};
use crate::author::store::Store;

thread_local! {
    static CURRENT: RefCell<TestStore> = RefCell::default();
}

/// The store of this test, which is empty at first. Handlers that this thread mounts share it, so a second mount sees what
/// the first has stored, as after a reload.
///
/// ```
/// use std::time::Duration;
/// use stackup_plugin::testing;
///
/// let store = testing::store();
/// store.advance(Duration::from_secs(60)); // what lives for a minute is gone
/// store.unavailable(true); // each operation fails
/// ```
pub fn store() -> TestStore {
    super::services::install();
    TestStore::current()
}

/// A handle to the store of a test; see [`store()`].
#[derive(Debug, Clone, Default)]
pub struct TestStore(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<(String, Vec<u8>), Entry>,
    version: u64,
    /// How far the clock was advanced.
    ahead: Duration,
    unavailable: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    value: Bytes,
    version: u64,
    expires: Option<Instant>,
}

impl TestStore {
    /// Advances the clock by which entries expire, and no other. [`testing::clock`](super::clock()) moves all.
    pub fn advance(&self, time: Duration) {
        self.state().ahead += time;
    }

    /// Whether operations fail from now on, as if the engine could not be reached.
    pub fn unavailable(&self, unavailable: bool) {
        self.state().unavailable = unavailable;
    }

    pub(super) fn current() -> Self {
        CURRENT
            .try_with(|here| here.borrow().clone())
            .unwrap_or_default()
    }

    /// Sets the store of this thread.
    pub(super) fn inherit(self) {
        CURRENT.with(|here| here.replace(self));
    }

    pub(super) fn namespace(self, name: &str) -> Arc<dyn StoreNamespace> {
        Arc::new(Namespace {
            name: name.to_owned(),
            store: self,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Namespace {
    name: String,
    store: TestStore,
}

impl StoreNamespace for Namespace {
    fn call(&self, request: StoreRequest<'_>) -> StoreAnswer {
        StoreAnswer::Ready(self.store.state().run(&self.name, request))
    }
}

impl State {
    fn run(
        &mut self,
        namespace: &str,
        request: StoreRequest<'_>,
    ) -> Result<StoreReply, StoreFailure> {
        if self.unavailable {
            let message = "the test made the store unavailable";
            return Err(failure(StoreFailureKind::Unavailable, message));
        }
        let now = clock::now() + self.ahead;
        self.entries
            .retain(|_, entry| entry.expires.is_none_or(|end| end > now));
        let of = |key: &[u8]| (namespace.to_owned(), key.to_vec());
        Ok(match request {
            StoreRequest::Get { key } => match self.entries.get(&of(checked(key, b"")?)) {
                Some(entry) => StoreReply::Entry {
                    value: entry.value.clone(),
                    version: entry.version,
                },
                None => StoreReply::Missing,
            },
            StoreRequest::Set { key, value, ttl } => {
                self.put(of(checked(key, value)?), value, end(now, ttl))
            }
            StoreRequest::Delete { key } => match self.entries.remove(&of(checked(key, b"")?)) {
                Some(_) => StoreReply::Deleted,
                None => StoreReply::Missing,
            },
            StoreRequest::Add { key, delta, ttl } => {
                let key = of(checked(key, b"")?);
                let (number, expires) = match self.entries.get(&key) {
                    Some(entry) => (number(&entry.value)?, entry.expires),
                    None => (0, end(now, ttl)),
                };
                let sum = number.checked_add(delta).ok_or_else(not_a_number)?;
                self.put(key, sum.to_string().as_bytes(), expires);
                StoreReply::Number(sum)
            }
            StoreRequest::CompareAndSet {
                key,
                expected,
                value,
                ttl,
            } => {
                let key = of(checked(key, value)?);
                if self.entries.get(&key).map(|entry| entry.version) == expected {
                    self.put(key, value, end(now, ttl))
                } else {
                    StoreReply::Conflict
                }
            }
            StoreRequest::Scan {
                prefix,
                after,
                limit,
            } => self.page(namespace, prefix, after, limit),
        })
    }

    fn put(
        &mut self,
        key: (String, Vec<u8>),
        value: &[u8],
        expires: Option<Instant>,
    ) -> StoreReply {
        self.version += 1;
        let entry = Entry {
            value: Bytes::copy_from_slice(value),
            version: self.version,
            expires,
        };
        self.entries.insert(key, entry);
        StoreReply::Stored(self.version)
    }

    fn page(
        &self,
        namespace: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> StoreReply {
        let from = match after {
            Some(after) if after >= prefix => {
                Bound::Excluded((namespace.to_owned(), after.to_vec()))
            }
            _ => Bound::Included((namespace.to_owned(), prefix.to_vec())),
        };
        let mut found = self
            .entries
            .range((from, Bound::Unbounded))
            .take_while(|((name, key), _)| name == namespace && key.starts_with(prefix))
            .map(|((_, key), entry)| (key.clone(), entry.value.clone(), entry.version));
        let entries = found.by_ref().take(limit).collect();
        StoreReply::Page {
            entries,
            more: found.next().is_some(),
        }
    }
}

fn end(now: Instant, ttl: Option<Duration>) -> Option<Instant> {
    ttl.and_then(|ttl| now.checked_add(ttl))
}

fn checked<'k>(key: &'k [u8], value: &[u8]) -> Result<&'k [u8], StoreFailure> {
    if key.is_empty() {
        return Err(failure(StoreFailureKind::Invalid, "the key is empty"));
    }
    if key.len() > Store::MAX_KEY || value.len() > Store::MAX_VALUE {
        let message = "the key or the value is too large";
        return Err(failure(StoreFailureKind::TooLarge, message));
    }
    Ok(key)
}

fn number(value: &[u8]) -> Result<i64, StoreFailure> {
    let text = std::str::from_utf8(value).ok();
    let number: Option<i64> = text.and_then(|text| text.parse().ok());
    // As the host's engines, it takes one form only: no `+1`, no `007`.
    number
        .filter(|number| number.to_string().as_bytes() == value)
        .ok_or_else(not_a_number)
}

fn not_a_number() -> StoreFailure {
    let message = "the entry is not a number, or the sum is out of range";
    failure(StoreFailureKind::NotANumber, message)
}

fn failure(kind: StoreFailureKind, message: &str) -> StoreFailure {
    StoreFailure {
        kind,
        message: message.to_owned(),
    }
}
