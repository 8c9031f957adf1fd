//! Each test has its own shared values.

use std::cell::Cell;
use std::thread::{self, ThreadId};

thread_local! {
    static IS_MOUNTING: Cell<bool> = const { Cell::new(false) };
}

/// Mounts a handler. It shares with those that the same thread mounts: tests run side by side, each on a thread of its own.
pub(super) fn mounting<R>(mount: impl FnOnce() -> R) -> R {
    let previous = IS_MOUNTING.replace(true);
    let mounted = mount();
    IS_MOUNTING.set(previous);
    mounted
}

/// This thread, if it mounts a handler.
pub(crate) fn mounting_thread() -> Option<ThreadId> {
    IS_MOUNTING.get().then(|| thread::current().id())
}
