//! Requests that get a deadline.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::abi::host::{DrainSource, DrainSourceEntry, DrainSourceId, Exchange, Life};

/// Gives the requests of a mounted handler a deadline.
pub(super) struct Drain {
    source: Arc<Source>,
    entry: DrainSourceEntry,
}

/// Their deadline comes with the end of a life of its own.
struct Source(Arc<Life>);

impl Drain {
    pub(super) fn new() -> Self {
        let source = Arc::new(Source(Arc::default()));
        let weak = Arc::downgrade(&source);
        Self {
            source,
            entry: DrainSourceEntry::new(weak),
        }
    }

    pub(super) fn id(&self) -> DrainSourceId {
        self.entry.id()
    }

    /// They have one from now on.
    pub(super) fn begin(&self) {
        self.source.0.retire();
    }
}

impl DrainSource for Source {
    fn draining(
        self: Arc<Self>,
        _exchange: Arc<Exchange>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.0.retiring())
    }
}
