//! The scope that a plugin's code runs in: its handler and, if it has one, its tokio runtime.

use super::context::ContextHandle;
use super::host;
use super::runtime::{Guard, RuntimeHandle};
use crate::abi::tables::ContextObject;
use crate::abi::thread_state::ThreadState;

/// The handler and runtime to enter while a future, body or hook of the handler runs. It may outlive
/// the handler.
pub(crate) struct HandlerScope {
    context: Option<ContextHandle>,
    runtime: RuntimeHandle,
}

impl HandlerScope {
    /// Outside any handler, as on the host's side.
    #[cfg(feature = "host")]
    pub(crate) const NONE: Self = Self {
        context: None,
        runtime: RuntimeHandle::NONE,
    };

    /// This handler and its runtime.
    pub(super) fn new(context: ContextHandle, runtime: RuntimeHandle) -> Self {
        Self {
            context: Some(context),
            runtime,
        }
    }

    /// The scope that this thread is in.
    pub(crate) fn current() -> Self {
        Self {
            context: ContextHandle::current(),
            runtime: RuntimeHandle::current(),
        }
    }

    /// Enters the scope until the guard drops.
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered {
            _runtime: self.runtime.enter(),
            running: self
                .context
                .map(|context| RunningGuard::set(context.as_object())),
        }
    }

    /// Its handler.
    pub(super) fn context(&self) -> Option<ContextHandle> {
        self.context
    }
}

/// An entered [`HandlerScope`].
pub(crate) struct Entered<'a> {
    running: Option<RunningGuard>,
    _runtime: Guard<'a>,
}

impl Entered<'_> {
    /// Marks the handler as waiting.
    #[inline]
    pub(super) fn mark_waiting(&self) {
        if let Some(running) = &self.running {
            running.state.mark_waiting();
        }
    }
}

/// Makes a handler the running one of this thread until it drops. The pointer keeps it from being `Send`.
struct RunningGuard {
    state: &'static ThreadState,
    previous: *const ContextObject,
}

impl RunningGuard {
    #[inline]
    fn set(context: *const ContextObject) -> Self {
        // SAFETY: an attached host's function.
        let state = unsafe { host().thread_state()() };
        let previous = state.replace_running(context);
        Self { state, previous }
    }
}

impl Drop for RunningGuard {
    #[inline]
    fn drop(&mut self) {
        self.state.replace_running(self.previous);
    }
}

/// The handler running on this thread, or null.
pub(super) fn running() -> *const ContextObject {
    // SAFETY: an attached host's function.
    unsafe { host().thread_state()() }.running()
}
