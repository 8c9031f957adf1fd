//! What a connection sends, should it have to end while its client takes nothing.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::serve::generation::DrainDeadline;

/// Shared by a connection and the body that it sends: hyper does not ask a body for more while the
/// client takes none, so the body can't end by itself.
#[derive(Debug, Default)]
pub(super) struct SendDeadline(ArcSwapOption<DrainDeadline>);

impl SendDeadline {
    /// A body is under way that has to end with `ending`.
    pub(super) fn begin(&self, ending: &Arc<DrainDeadline>) {
        self.0.store(Some(Arc::clone(ending)));
    }

    /// It is no longer.
    pub(super) fn end(&self) {
        self.0.store(None);
    }

    /// Whether what is under way has to end now.
    pub(super) fn is_over(&self) -> bool {
        self.0
            .load()
            .as_ref()
            .is_some_and(|ending| ending.is_over())
    }
}
