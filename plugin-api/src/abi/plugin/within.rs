//! Where code of a plugin runs: under its handler's name and, if it asks for one, its tokio runtime.

use super::context::ContextHandle;
use super::host;
use super::runtime::{Entry, Guard};
use crate::abi::tables::ContextObject;

/// What must be in force while a future or a body of a handler is polled.
pub(crate) struct Within {
    /// Null outside of a handler.
    context: *const ContextObject,
    runtime: Entry,
}

// SAFETY: the context is counted by atomics and only compared and passed to the host here.
unsafe impl Send for Within {}
// SAFETY: as above.
unsafe impl Sync for Within {}

impl Within {
    /// Outside of any handler, as on the host's side.
    #[cfg(feature = "host")]
    pub(crate) const NOWHERE: Self = Self {
        context: std::ptr::null(),
        runtime: Entry::NOWHERE,
    };

    /// In the handler of this context, which outlives the value, and its runtime.
    pub(super) fn handler(context: *const ContextObject, runtime: Entry) -> Self {
        Self { context, runtime }
    }

    /// Puts it in force until the guard drops.
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered {
            _runtime: self.runtime.enter(),
            _mark: (!self.context.is_null()).then(|| Mark::set(self.context)),
        }
    }
}

/// A [`Within`] in force.
pub(crate) struct Entered<'a> {
    _mark: Option<Mark>,
    _runtime: Guard<'a>,
}

/// This thread's note of the handler that runs on it. Not `Send`, as a pointer is not.
struct Mark {
    place: *mut *const ContextObject,
    before: *const ContextObject,
}

impl Mark {
    #[inline]
    fn set(context: *const ContextObject) -> Self {
        // SAFETY: an attached host's function; the place is this thread's own.
        unsafe {
            let place = host().running()();
            let before = place.replace(context);
            Self { place, before }
        }
    }
}

impl Drop for Mark {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a mark stays on its thread; what was there before still runs below us.
        unsafe { *self.place = self.before }
    }
}

/// The handler that runs on this thread, or null.
pub(super) fn running() -> *const ContextObject {
    // SAFETY: an attached host's function; the place is this thread's own.
    unsafe { *host().running()() }
}

/// A [`Within`] that keeps its handler's context: for bodies, hooks and tasks, which may outlive the
/// handler that made them.
pub(crate) struct Home {
    context: Option<ContextHandle>,
    within: Within,
}

impl Home {
    /// What is in force on this thread.
    pub(crate) fn here() -> Self {
        Self::of(ContextHandle::current())
    }

    /// This handler, under the runtime that is in force on this thread.
    pub(super) fn of(context: Option<ContextHandle>) -> Self {
        let object = context
            .as_ref()
            .map_or(std::ptr::null(), ContextHandle::as_object);
        let within = Within::handler(object, Entry::here());
        Self { context, within }
    }

    /// Puts it in force until the guard drops.
    pub(crate) fn enter(&self) -> Entered<'_> {
        self.within.enter()
    }

    /// The handler's name; empty outside of any.
    pub(super) fn name(&self) -> &str {
        self.context.as_ref().map_or("", ContextHandle::handler)
    }
}
