//! Where code of a plugin runs: under its handler's name and, if it asks for one, its tokio runtime.

use std::marker::PhantomData;

use super::context::ContextHandle;
use super::host;
use crate::abi::tables::ContextObject;

/// What must be in force while a future or a body of a handler is polled.
#[derive(Clone)]
pub(crate) struct Within {
    /// Null outside of a handler.
    context: *const ContextObject,
    #[cfg(feature = "tokio")]
    runtime: Option<tokio::runtime::Handle>,
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
        #[cfg(feature = "tokio")]
        runtime: None,
    };

    /// In the handler of this context, which outlives the value.
    pub(super) fn handler(
        context: *const ContextObject,
        #[cfg(feature = "tokio")] runtime: Option<tokio::runtime::Handle>,
    ) -> Self {
        Self {
            context,
            #[cfg(feature = "tokio")]
            runtime,
        }
    }

    /// Puts it in force until the guard drops.
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered {
            // SAFETY: an attached host's function; the context outlives the guard.
            before: (!self.context.is_null()).then(|| unsafe { host().enter()(self.context) }),
            #[cfg(feature = "tokio")]
            _runtime: self.runtime.as_ref().map(tokio::runtime::Handle::enter),
            lifetime: PhantomData,
        }
    }
}

/// A [`Within`] in force.
pub(crate) struct Entered<'a> {
    before: Option<*const ContextObject>,
    #[cfg(feature = "tokio")]
    _runtime: Option<tokio::runtime::EnterGuard<'a>>,
    lifetime: PhantomData<&'a Within>,
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // SAFETY: the context before was in force when we entered and still is below us.
            unsafe { host().enter()(before) };
        }
    }
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
        let within = Within::handler(
            object,
            #[cfg(feature = "tokio")]
            tokio::runtime::Handle::try_current().ok(),
        );
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
