//! The context of one handler instance, and which of them runs on this thread.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use abi_stable::std_types::RString;

use crate::abi::future::{RawFuture, UnitFuture};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, TaskObject};

/// What a handler instance knows of its place.
pub struct HandlerContext {
    /// `plugin` or `plugin#handler`, as the manifest names it.
    pub handler: String,
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// Where its tasks run and are counted.
    pub scope: Arc<dyn Scope>,
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

thread_local! {
    static CURRENT: Cell<*const HandlerContext> = const { Cell::new(std::ptr::null()) };
}

/// The name of the handler that runs on this thread.
pub fn current() -> Option<String> {
    let context = CURRENT.get();
    // SAFETY: who enters a handler notes a context that outlives the stay, and takes it back after.
    (!context.is_null()).then(|| unsafe { &*context }.handler.clone())
}

pub(super) unsafe extern "C" fn running() -> *mut *const ContextObject {
    CURRENT.with(Cell::as_ptr).cast()
}

/// # Safety
///
/// The plugin's handle is alive and borrowed for `'a`.
unsafe fn state<'a>(context: *const ContextObject) -> &'a HandlerContext {
    // SAFETY: handles come from `Arc::into_raw`.
    unsafe { &*context.cast() }
}

pub(super) unsafe extern "C" fn clone(context: *const ContextObject) {
    // SAFETY: the plugin's handle is alive.
    unsafe { Arc::increment_strong_count(context.cast::<HandlerContext>()) }
}

pub(super) unsafe extern "C" fn free(context: *const ContextObject) {
    // SAFETY: the plugin gives up one count.
    unsafe { Arc::decrement_strong_count(context.cast::<HandlerContext>()) }
}

pub(super) unsafe extern "C" fn handler(context: *const ContextObject) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    RawSlice::text(&unsafe { state(context) }.handler)
}

pub(super) unsafe extern "C" fn environment(context: *const ContextObject) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    RawSlice::text(&unsafe { state(context) }.environment)
}

pub(super) unsafe extern "C" fn directory(context: *const ContextObject) -> RString {
    // SAFETY: the plugin's handle is alive and borrowed.
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
    // SAFETY: the plugin's handle is alive and borrowed.
    let context = unsafe { state(context) };
    let task = context.scope.spawn(
        &context.handler,
        name.str(),
        Box::pin(UnitFuture::new(future)),
    );
    Box::into_raw(Box::new(task)).cast()
}

pub(super) unsafe extern "C" fn task_abort(task: *const TaskObject) {
    // SAFETY: the plugin's handle is alive; tasks are boxed `Box<dyn TaskControl>`s.
    unsafe { &*task.cast::<Box<dyn TaskControl>>() }.abort();
}

pub(super) unsafe extern "C" fn task_drop(task: *mut TaskObject) {
    // SAFETY: the plugin owned the handle and gives it up.
    drop(unsafe { Box::from_raw(task.cast::<Box<dyn TaskControl>>()) });
}
