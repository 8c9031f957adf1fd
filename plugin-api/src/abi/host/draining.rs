//! Requests that learn that they have a deadline.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::exchange::Exchange;
use super::threads;
use crate::abi::future::RawFuture;
use crate::abi::plugin::future;

/// What tells requests that they have a deadline: their generation.
pub trait DrainSource: Send + Sync {
    /// Resolves once the request of this exchange has a deadline.
    fn draining(
        self: Arc<Self>,
        exchange: Arc<Exchange>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Names a source. A request has it in place of a reference, whose count every request would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainSourceId(u64);

/// The entry of a source: requests find it until this is dropped.
#[derive(Debug)]
pub struct DrainSourceEntry(DrainSourceId);

static SOURCES: Mutex<BTreeMap<u64, Weak<dyn DrainSource>>> = Mutex::new(BTreeMap::new());

fn sources() -> MutexGuard<'static, BTreeMap<u64, Weak<dyn DrainSource>>> {
    SOURCES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DrainSourceEntry {
    /// An entry of `source`.
    pub fn new(source: Weak<dyn DrainSource>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        sources().insert(number, source);
        Self(DrainSourceId(number))
    }

    /// What requests have.
    pub fn id(&self) -> DrainSourceId {
        self.0
    }
}

impl Drop for DrainSourceEntry {
    fn drop(&mut self) {
        let source = sources().remove(&self.0.0);
        drop(source);
    }
}

/// Resolves once the request of this exchange has a deadline.
pub(super) fn draining(exchange: &Arc<Exchange>) -> RawFuture {
    let source = exchange.drain_source().and_then(|id| {
        let found = sources().get(&id.0).cloned();
        found?.upgrade()
    });
    if let Some(source) = source {
        return future::unit(source.draining(Arc::clone(exchange)));
    }
    // A handler has made it, or it is one of a warm-up: no generation knows of it.
    match threads::current().running() {
        Some(leaked) => future::unit(leaked.context.life.retiring()),
        None => future::unit(pending()),
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    struct Never;

    impl DrainSource for Never {
        fn draining(
            self: Arc<Self>,
            _exchange: Arc<Exchange>,
        ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(pending())
        }
    }

    #[test]
    fn dropped_entry_is_not_found() {
        let source: Arc<dyn DrainSource> = Arc::new(Never);
        let [first, second] = [(); 2].map(|()| DrainSourceEntry::new(Arc::downgrade(&source)));
        let id = first.id();
        assert_ne!(id, second.id());
        assert!(sources().contains_key(&id.0));
        drop(first);
        assert!(!sources().contains_key(&id.0));
        assert!(sources().contains_key(&second.id().0));
    }
}
