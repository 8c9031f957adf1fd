//! The generation that serves new requests.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::generation::Generation;

/// The one place where a request and a reload meet.
#[derive(Debug)]
pub struct Active(ArcSwap<Generation>);

impl Active {
    /// Begins with `first`.
    pub fn new(first: Arc<Generation>) -> Self {
        Self(ArcSwap::new(first))
    }

    /// The generation for a request that begins now.
    pub fn load(&self) -> Arc<Generation> {
        self.0.load_full()
    }

    /// The swap: from here on new requests get `next`. Returns the one before.
    pub(super) fn swap(&self, next: Arc<Generation>) -> Arc<Generation> {
        self.0.swap(next)
    }
}
