//! The context of one handler instance.

use std::fmt;
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use abi_stable::std_types::RString;

use super::failure_monitor::{Guard, Incidents};
use super::threads;
use crate::abi::future::{RawFuture, UnitFuture};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, TaskObject};

/// What a handler instance knows of its place, and the host of it.
///
/// One that was given to a handler is never freed: a watchdog, a signal handler and a plugin's late
/// destructor read it when the instance may be long gone. So it must hold nothing large, and no library.
pub struct HandlerContext {
    /// `plugin` or `plugin#handler`, as the manifest names it.
    pub handler: String,
    /// The plugin's name in the manifest.
    pub plugin: String,
    /// The fingerprint of its library, in full.
    pub fingerprint: String,
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// Where its tasks run and are counted.
    pub scope: Arc<dyn Scope>,
    /// Told of what goes wrong in it.
    pub incidents: Arc<dyn Incidents>,
}

impl fmt::Debug for HandlerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerContext")
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}

/// Runs the tasks of a generation and ends them with it.
pub trait Scope: Send + Sync {
    /// Runs `task` until it is done, aborted, or the generation ends.
    fn spawn(
        &self,
        handler: &str,
        name: &str,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn TaskControl>;
}

/// A hold on a running task.
pub trait TaskControl: Send + Sync {
    /// Drops the task where it stands.
    fn abort(&self);
}

/// A context where it stays for good.
pub(super) struct Station {
    pub(super) context: HandlerContext,
    pub(super) guard: Guard,
    /// What the last words say of it, as members of a JSON object: a signal handler can't render it.
    pub(super) words: String,
}

impl Station {
    /// Leaks the context, one for each instance that is built; a worker's renewal frees them all.
    pub(super) fn keep(context: HandlerContext) -> &'static Self {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let words = format!(
            r#""handler":{},"plugin":{},"fingerprint":{}"#,
            text(&context.handler),
            text(&context.plugin),
            text(&context.fingerprint)
        );
        Box::leak(Box::new(Self {
            context,
            guard: Guard::default(),
            words,
        }))
    }

    pub(super) fn as_object(&'static self) -> *const ContextObject {
        std::ptr::from_ref(self).cast()
    }
}

/// The name of the handler that runs on this thread.
pub fn current() -> Option<&'static str> {
    let station = threads::here().running()?;
    Some(&station.context.handler)
}

/// # Safety
///
/// `context` is one that was given to a plugin.
unsafe fn station(context: *const ContextObject) -> &'static Station {
    // SAFETY: those come from `Station::keep`, and none is freed.
    unsafe { &*context.cast() }
}

/// # Safety
///
/// As [`station`].
unsafe fn state(context: *const ContextObject) -> &'static HandlerContext {
    // SAFETY: the caller's promise.
    &unsafe { station(context) }.context
}

pub(super) unsafe extern "C" fn panicked(
    context: *const ContextObject,
    message: RawSlice<'_>,
    place: RawSlice<'_>,
) {
    // SAFETY: the plugin's handle is a context of ours.
    let station = unsafe { station(context) };
    let incidents = &station.context.incidents;
    incidents.panicked(message.str(), place.str(), &station.guard);
}

pub(super) unsafe extern "C" fn handler(context: *const ContextObject) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is a context of ours.
    RawSlice::text(&unsafe { state(context) }.handler)
}

pub(super) unsafe extern "C" fn environment(context: *const ContextObject) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is a context of ours.
    RawSlice::text(&unsafe { state(context) }.environment)
}

pub(super) unsafe extern "C" fn directory(context: *const ContextObject) -> RString {
    // SAFETY: the plugin's handle is a context of ours.
    unsafe { state(context) }
        .directory
        .to_string_lossy()
        .into_owned()
        .into()
}

pub(super) unsafe extern "C" fn spawn(
    context: *const ContextObject,
    name: RawSlice<'_>,
    future: RawFuture,
) -> *mut TaskObject {
    // SAFETY: the plugin's handle is a context of ours.
    let context = unsafe { state(context) };
    // That of the request that spawns it; one that `init` spawns belongs to none yet.
    let generation = threads::generation();
    let mut future = UnitFuture::new(future);
    let polled =
        poll_fn(move |cx| threads::polling(generation, || Pin::new(&mut future).poll(cx)).0);
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
    // SAFETY: the plugin owned the handle and gives it up.
    drop(unsafe { Box::from_raw(task.cast::<Box<dyn TaskControl>>()) });
}
