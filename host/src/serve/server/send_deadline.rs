//! The drain deadline of the response that a connection is sending.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::serve::generation::DrainDeadline;

/// Shared by a connection and its response body. hyper does not poll a body while the client takes nothing, so the
/// body can't abort by itself; the connection does it.
#[derive(Debug, Default)]
pub(super) struct SendDeadline(ArcSwapOption<DrainDeadline>);

impl SendDeadline {
    /// A body is being sent that must end at `deadline`.
    pub(super) fn set(&self, deadline: &Arc<DrainDeadline>) {
        self.0.store(Some(Arc::clone(deadline)));
    }

    /// The body has ended.
    pub(super) fn clear(&self) {
        self.0.store(None);
    }

    /// Whether a body is being sent and its deadline has passed.
    pub(super) fn has_passed(&self) -> bool {
        let deadline = self.0.load();
        deadline
            .as_ref()
            .is_some_and(|deadline| deadline.has_passed())
    }
}
