//! A handler's context and tasks, as a plugin holds them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use super::errors::{HandlerSink, PanicSink};
use super::export;
use super::host;
use super::panics::Panic;
use super::within::{Home, running};
use crate::abi::future::UnitFuture;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, ErrorObject, TaskObject};

/// One count of a handler's context.
pub(crate) struct ContextHandle(*const ContextObject);

// SAFETY: the host's context is Send and Sync and counted by atomics.
unsafe impl Send for ContextHandle {}
// SAFETY: as above.
unsafe impl Sync for ContextHandle {}

impl Clone for ContextHandle {
    fn clone(&self) -> Self {
        // SAFETY: the context is alive.
        unsafe { host().context_clone()(self.0) };
        Self(self.0)
    }
}

impl Drop for ContextHandle {
    fn drop(&mut self) {
        // SAFETY: gives up our count.
        unsafe { host().context_drop()(self.0) }
    }
}

impl ContextHandle {
    /// The handler that runs on this thread.
    pub(crate) fn current() -> Option<Self> {
        let object = running();
        if object.is_null() {
            return None;
        }
        // SAFETY: what runs here is alive; this makes a count of our own.
        unsafe { host().context_clone()(object) };
        Some(Self(object))
    }

    /// # Safety
    ///
    /// The host hands over one count.
    pub(super) unsafe fn from_object(object: *const ContextObject) -> Self {
        Self(object)
    }

    pub(super) fn as_object(&self) -> *const ContextObject {
        self.0
    }

    pub(crate) fn handler(&self) -> &str {
        // SAFETY: the context is alive, and lent for as long as the text is.
        unsafe { host().context_handler()(self.0) }.str()
    }

    pub(crate) fn environment(&self) -> &str {
        // SAFETY: the context is alive, and lent for as long as the text is.
        unsafe { host().context_environment()(self.0) }.str()
    }

    pub(crate) fn directory(&self) -> String {
        // SAFETY: the context is alive.
        unsafe { host().context_directory()(self.0) }.into_string()
    }

    pub(crate) fn spawn<F>(&self, name: &str, future: F) -> TaskHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let home = Home::of(Some(self.clone()));
        let raw = export::erase(future, home, TaskSink(self.clone()));
        // SAFETY: the context is alive; the future is handed over.
        TaskHandle(unsafe { host().task_spawn()(self.0, RawSlice::text(name), raw) })
    }
}

/// A task's panic has no request to fail: it goes to the log.
struct TaskSink(ContextHandle);

impl PanicSink for TaskSink {
    fn panicked(&self, panic: Panic) -> *mut ErrorObject {
        super::log::report(&format!(
            "a task panicked at {}: {}",
            panic.place, panic.message
        ));
        HandlerSink(self.0.as_object()).panicked(panic)
    }

    fn dropped(&self, panic: Panic) {
        HandlerSink(self.0.as_object()).dropped(panic);
    }
}

/// A hold on a task; dropping it lets the task run on.
pub(crate) struct TaskHandle(*mut TaskObject);

// SAFETY: the host's task control is Send and Sync.
unsafe impl Send for TaskHandle {}
// SAFETY: as above.
unsafe impl Sync for TaskHandle {}

impl TaskHandle {
    pub(crate) fn abort(&self) {
        // SAFETY: the handle is alive.
        unsafe { host().task_abort()(self.0) }
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        unsafe { host().task_drop()(self.0) }
    }
}

/// Done after a time, by the host's clock.
#[must_use = "a future does nothing unless awaited"]
pub struct Sleep(UnitFuture);

impl Sleep {
    pub(crate) fn new(duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: an attached host's function.
        Self(UnitFuture::new(unsafe { host().sleep()(nanoseconds) }))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}
