//! Where code of a plugin runs: under its handler's name and, if it asks for one, its tokio runtime.

use super::context::ContextHandle;
use super::host;
use super::runtime::{Entry, Guard};
use crate::abi::tables::ContextObject;
use crate::abi::thread_state::ThreadNote;

/// What must be in force while a future, a body or a hook of a handler runs. It may outlive the
/// handler that made it.
pub(crate) struct Within {
    context: Option<ContextHandle>,
    runtime: Entry,
}

impl Within {
    /// Outside of any handler, as on the host's side.
    #[cfg(feature = "host")]
    pub(crate) const NOWHERE: Self = Self {
        context: None,
        runtime: Entry::NOWHERE,
    };

    /// In this handler and its runtime.
    pub(super) fn handler(context: ContextHandle, runtime: Entry) -> Self {
        Self {
            context: Some(context),
            runtime,
        }
    }

    /// What is in force on this thread.
    pub(crate) fn here() -> Self {
        Self {
            context: ContextHandle::current(),
            runtime: Entry::here(),
        }
    }

    /// Puts it in force until the guard drops.
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered {
            _runtime: self.runtime.enter(),
            mark: self.context.map(|context| Mark::set(context.as_object())),
        }
    }

    /// Its handler.
    pub(super) fn context(&self) -> Option<ContextHandle> {
        self.context
    }
}

/// A [`Within`] in force.
pub(crate) struct Entered<'a> {
    mark: Option<Mark>,
    _runtime: Guard<'a>,
}

impl Entered<'_> {
    /// Notes that the handler has to wait.
    #[inline]
    pub(super) fn wait(&self) {
        if let Some(mark) = &self.mark {
            mark.note.wait();
        }
    }
}

/// This thread's note of the handler that runs on it. Not `Send`, as a pointer is not.
struct Mark {
    note: &'static ThreadNote,
    before: *const ContextObject,
}

impl Mark {
    #[inline]
    fn set(context: *const ContextObject) -> Self {
        // SAFETY: an attached host's function.
        let note = unsafe { host().thread_note()() };
        let before = note.run(context);
        Self { note, before }
    }
}

impl Drop for Mark {
    #[inline]
    fn drop(&mut self) {
        self.note.run(self.before);
    }
}

/// The handler that runs on this thread, or null.
pub(super) fn running() -> *const ContextObject {
    // SAFETY: an attached host's function.
    unsafe { host().thread_note()() }.running()
}
