//! The deadline of a generation that drains.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Aborts the requests of a generation once its drain deadline has passed.
#[derive(Debug, Default)]
pub struct DrainDeadline {
    passed: AtomicBool,
    notify: Notify,
}

impl DrainDeadline {
    /// Whether the deadline has passed.
    pub fn has_passed(&self) -> bool {
        self.passed.load(Ordering::Acquire)
    }

    /// Resolves when the deadline has passed.
    pub async fn passed(self: Arc<Self>) {
        let mut notified = std::pin::pin!(self.notify.notified());
        // Register before checking; otherwise the deadline could pass in between.
        notified.as_mut().enable();
        if !self.has_passed() {
            notified.await;
        }
    }

    /// The deadline has passed.
    pub(super) fn expire(&self) {
        self.passed.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
}
