//! What a thread notes of the handlers that run on it, for who looks on from outside.
//!
//! A watchdog on another thread and a signal handler read it. The thread alone writes it, so it needs
//! loads and stores and nothing dearer.

use std::sync::atomic::{AtomicPtr, Ordering};

use abi_stable::StableAbi;

use super::tables::ContextObject;

/// One thread's note. It is never freed, and neither are the contexts that it names.
#[repr(C)]
#[derive(StableAbi)]
pub struct ThreadNote {
    /// The handler that runs; null outside of any.
    running: AtomicPtr<ContextObject>,
    /// The innermost handler that had to wait in this poll of the host's; null where none had to.
    waiting: AtomicPtr<ContextObject>,
}

impl ThreadNote {
    /// Nothing runs.
    #[cfg(feature = "host")]
    pub(super) const fn new() -> Self {
        Self {
            running: AtomicPtr::new(std::ptr::null_mut()),
            waiting: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// The handler that runs, or null.
    #[inline]
    pub(super) fn running(&self) -> *const ContextObject {
        self.running.load(Ordering::Acquire)
    }

    /// Notes that `context` runs from here on; returns what ran until now.
    #[inline]
    pub(super) fn run(&self, context: *const ContextObject) -> *const ContextObject {
        // The writer reads its own writes. A release is what lets others follow the pointer.
        let before = self.running.load(Ordering::Relaxed);
        self.running.store(context.cast_mut(), Ordering::Release);
        before
    }

    /// Notes that what runs has to wait, unless something further in has to.
    #[inline]
    pub(super) fn wait(&self) {
        if self.waiting.load(Ordering::Relaxed).is_null() {
            let running = self.running.load(Ordering::Relaxed);
            self.waiting.store(running, Ordering::Relaxed);
        }
    }

    /// Who has to wait, or null; from here on nobody has to.
    #[cfg(feature = "host")]
    #[inline]
    pub(super) fn take_waiting(&self) -> *const ContextObject {
        let waiting = self.waiting.load(Ordering::Relaxed);
        self.waiting.store(std::ptr::null_mut(), Ordering::Relaxed);
        waiting
    }
}
