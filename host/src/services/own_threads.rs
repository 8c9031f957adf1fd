//! The threads that this program has started to run code of any plugin.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

static IDS: Mutex<Option<HashSet<i32>>> = Mutex::new(None);

/// The current thread is one of them.
pub fn enter() {
    with_ids(|ids| ids.insert(current()));
}

/// The current thread ends.
pub fn leave() {
    with_ids(|ids| ids.remove(&current()));
}

/// Whether the thread with this id is one of them.
pub(crate) fn contains(id: i32) -> bool {
    with_ids(|ids| ids.contains(&id))
}

fn current() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

fn with_ids<R>(read: impl FnOnce(&mut HashSet<i32>) -> R) -> R {
    let mut ids = IDS.lock().unwrap_or_else(PoisonError::into_inner);
    read(ids.get_or_insert_default())
}
