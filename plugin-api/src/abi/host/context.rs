//! The context of one handler instance.

use std::fmt;
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use abi_stable::std_types::RString;

use super::counters::Counters;
use super::failure_monitor::{BreakerFlag, FailureMonitor};
use super::life::Life;
use super::threads;
use crate::abi::future::{RawFuture, UnitFuture};
use crate::abi::plugin::future;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, TaskObject};

/// What identifies a handler instance, and the host's services for it.
///
/// Once a handler has it, it is never freed: a watchdog, a signal handler or a late destructor of the
/// plugin may read it long after the instance is gone. So it must not hold anything large, nor a library.
pub struct HandlerContext {
    /// `plugin` or `plugin#handler`, as the manifest names it.
    pub handler: String,
    /// The plugin's name in the manifest.
    pub plugin: String,
    /// The full fingerprint of its library.
    pub fingerprint: String,
    /// `development`, `production`, ….
    pub environment: String,
    /// The directory of the manifest.
    pub directory: PathBuf,
    /// Runs and counts its tasks.
    pub scope: Arc<dyn TaskScope>,
    /// Receives its panics and blocked polls.
    pub failures: Arc<dyn FailureMonitor>,
    /// What it knows of its life.
    pub life: Arc<Life>,
    /// Where its counters are.
    pub counters: Arc<Counters>,
}

impl fmt::Debug for HandlerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerContext")
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}

/// Runs the tasks of a generation and ends them when it ends.
pub trait TaskScope: Send + Sync {
    /// Runs `task` until it finishes, is aborted, or the generation ends.
    fn spawn(
        &self,
        handler: &str,
        name: &str,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn TaskControl>;
}

/// Aborts a running task.
pub trait TaskControl: Send + Sync {
    /// Drops the task at its current `.await`.
    fn abort(&self);
}

/// A context that is never freed.
pub(super) struct LeakedContext {
    pub(super) context: HandlerContext,
    pub(super) breaker: BreakerFlag,
    /// Its members in the crash report, rendered as JSON now because a signal handler can't do it.
    pub(super) crash_fields: String,
}

impl LeakedContext {
    /// Leaks the context: one for each instance that is built, until the worker process is replaced.
    pub(super) fn leak(context: HandlerContext) -> &'static Self {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let crash_fields = format!(
            r#""handler":{},"plugin":{},"fingerprint":{}"#,
            text(&context.handler),
            text(&context.plugin),
            text(&context.fingerprint)
        );
        Box::leak(Box::new(Self {
            context,
            breaker: BreakerFlag::default(),
            crash_fields,
        }))
    }

    pub(super) fn as_object(&'static self) -> *const ContextObject {
        std::ptr::from_ref(self).cast()
    }
}

/// The name of the handler running on this thread.
pub fn current() -> Option<&'static str> {
    let leaked = threads::current().running()?;
    Some(&leaked.context.handler)
}

/// # Safety
///
/// `context` is one that was given to a plugin.
unsafe fn leaked(context: *const ContextObject) -> &'static LeakedContext {
    // SAFETY: those come from `LeakedContext::leak`, and none is freed.
    unsafe { &*context.cast() }
}

/// # Safety
///
/// Same as [`leaked`].
pub(super) unsafe fn of(context: *const ContextObject) -> &'static HandlerContext {
    // SAFETY: the caller's promise.
    &unsafe { leaked(context) }.context
}

pub(super) unsafe extern "C" fn panicked(
    context: *const ContextObject,
    message: RawSlice<'_>,
    place: RawSlice<'_>,
) {
    // SAFETY: the plugin's handle points to a context of this host.
    let leaked = unsafe { leaked(context) };
    let failures = &leaked.context.failures;
    failures.panicked(message.str(), place.str(), &leaked.breaker);
}

pub(super) unsafe extern "C" fn handler(context: *const ContextObject) -> RawSlice<'static> {
    // SAFETY: the plugin's handle points to a context of this host.
    RawSlice::text(&unsafe { of(context) }.handler)
}

pub(super) unsafe extern "C" fn environment(context: *const ContextObject) -> RawSlice<'static> {
    // SAFETY: the plugin's handle points to a context of this host.
    RawSlice::text(&unsafe { of(context) }.environment)
}

pub(super) unsafe extern "C" fn directory(context: *const ContextObject) -> RString {
    // SAFETY: the plugin's handle points to a context of this host.
    unsafe { of(context) }
        .directory
        .to_string_lossy()
        .into_owned()
        .into()
}

pub(super) unsafe extern "C" fn is_trial(context: *const ContextObject) -> bool {
    // SAFETY: the plugin's handle points to a context of this host.
    unsafe { of(context) }.life.is_trial()
}

pub(super) unsafe extern "C" fn retiring(context: *const ContextObject) -> RawFuture {
    // SAFETY: the plugin's handle points to a context of this host.
    future::unit(unsafe { of(context) }.life.retiring())
}

pub(super) unsafe extern "C" fn spawn(
    context: *const ContextObject,
    name: RawSlice<'_>,
    future: RawFuture,
) -> *mut TaskObject {
    // SAFETY: the plugin's handle points to a context of this host.
    let context = unsafe { of(context) };
    // The generation of the request that spawns it; 0 if `init` spawns it.
    let generation = threads::generation();
    let mut future = UnitFuture::new(future);
    let polled =
        poll_fn(move |cx| threads::record_poll(generation, || Pin::new(&mut future).poll(cx)).0);
    let spawned = context
        .scope
        .spawn(&context.handler, name.str(), Box::pin(polled));
    Box::into_raw(Box::new(spawned)).cast()
}

pub(super) unsafe extern "C" fn task_abort(task: *const TaskObject) {
    // SAFETY: the plugin's handle is alive; tasks are boxed `Box<dyn TaskControl>`s.
    unsafe { &*task.cast::<Box<dyn TaskControl>>() }.abort();
}

pub(super) unsafe extern "C" fn task_drop(task: *mut TaskObject) {
    // SAFETY: the plugin gives up the handle that it owned.
    drop(unsafe { Box::from_raw(task.cast::<Box<dyn TaskControl>>()) });
}
