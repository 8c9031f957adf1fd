//! The threads on which the host repeats requests by itself: what plugins log and fail at there concerns no client.

use std::cell::Cell;

thread_local! {
    static REPLAYS: Cell<bool> = const { Cell::new(false) };
}

/// The current thread does nothing else from now on.
#[cfg(feature = "develop")]
pub fn enter() {
    REPLAYS.set(true);
}

/// Whether the current thread is one of them.
pub fn is_here() -> bool {
    REPLAYS.get()
}
