//! Which handler runs on a thread, readable from outside the thread.
//!
//! A watchdog thread and a signal handler read it. Only the thread itself writes it, so plain atomic
//! loads and stores are enough.

use std::sync::atomic::{AtomicPtr, Ordering};

use abi_stable::StableAbi;

use super::tables::ContextObject;

/// The state of one thread. Neither it nor the contexts it points to are ever freed.
#[repr(C)]
#[derive(StableAbi)]
pub struct ThreadState {
    /// The running handler; null outside handlers.
    running: AtomicPtr<ContextObject>,
    /// The innermost handler that returned `Pending` in the current host poll; null if none did.
    waiting: AtomicPtr<ContextObject>,
}

impl ThreadState {
    /// No handler runs.
    #[cfg(feature = "host")]
    pub(super) const fn new() -> Self {
        Self {
            running: AtomicPtr::new(std::ptr::null_mut()),
            waiting: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// The running handler, or null.
    #[inline]
    pub(super) fn running(&self) -> *const ContextObject {
        self.running.load(Ordering::Acquire)
    }

    /// Makes `context` the running handler; returns the previous one.
    #[inline]
    pub(super) fn replace_running(&self, context: *const ContextObject) -> *const ContextObject {
        // This thread reads its own write. Release lets other threads follow the pointer.
        let before = self.running.load(Ordering::Relaxed);
        self.running.store(context.cast_mut(), Ordering::Release);
        before
    }

    /// Marks the running handler as waiting, unless an inner one already is.
    #[inline]
    pub(super) fn mark_waiting(&self) {
        if self.waiting.load(Ordering::Relaxed).is_null() {
            let running = self.running.load(Ordering::Relaxed);
            self.waiting.store(running, Ordering::Relaxed);
        }
    }

    /// Takes the waiting handler, or null.
    #[cfg(feature = "host")]
    #[inline]
    pub(super) fn take_waiting(&self) -> *const ContextObject {
        let waiting = self.waiting.load(Ordering::Relaxed);
        self.waiting.store(std::ptr::null_mut(), Ordering::Relaxed);
        waiting
    }
}
