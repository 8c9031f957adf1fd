//! The generation that serves new requests.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::generation::Generation;

/// The only state that a request and a reload share.
#[derive(Debug)]
pub struct Active(ArcSwap<Generation>);

impl Active {
    /// Starts with `first`.
    pub fn new(first: Arc<Generation>) -> Self {
        Self(ArcSwap::new(first))
    }

    /// The generation that serves a request from now on.
    pub fn load(&self) -> Arc<Generation> {
        self.0.load_full()
    }

    /// Gives new requests `next`. Returns the generation that it replaces, whose requests learn of it.
    pub(super) fn swap(self: &Arc<Self>, next: Arc<Generation>) -> Arc<Generation> {
        let before = self.0.swap(next);
        before.drain().replaced(Arc::clone(self));
        before
    }
}
