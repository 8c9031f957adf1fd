//! Nothing unwinds across the boundary: a panic becomes an error that knows its place.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use super::context::ContextHandle;
use super::log;
use super::scope::running;

/// A caught panic.
#[derive(Debug)]
pub struct Panic {
    pub message: String,
    /// `file:line:column`, where the hook could see it.
    pub place: String,
}

impl Panic {
    /// Tells of a panic of `what`, which has no request to fail.
    pub(super) fn report(&self, what: &str, context: Option<ContextHandle>) {
        if let Some(context) = context {
            context.panicked(self);
        }
        let Self { message, place } = self;
        log::report(&format!("{what} panicked at {place}: {message}"));
    }
}

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Replaces std's hook of this library, which would print to stderr and load 35 MB of symbols.
pub(super) fn install_hook() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        if running().is_null() {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("unnamed");
            let message = describe(info.payload());
            log::report(&format!("thread `{name}` panicked at {place}: {message}"));
        }
        let _ = PLACE.try_with(|cell| cell.replace(place));
    }));
}

/// Notes a panic's place for [`contain`] in a test, whose own panics go on to the hook before.
#[cfg(feature = "testing")]
pub(super) fn install_test_hook() {
    // The hook can't be changed from a panicking thread, and a test that fails has no use for it.
    if std::thread::panicking() {
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let _ = PLACE.try_with(|cell| cell.replace(place));
        if running().is_null() {
            before(info);
        }
    }));
}

/// Runs `f` and catches its panic.
#[inline]
pub fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    // What `f` leaves half done is dropped, never used again.
    catch_unwind(AssertUnwindSafe(f)).map_err(caught)
}

#[cold]
fn caught(payload: Box<dyn Any + Send>) -> Panic {
    let mut message = describe(&*payload);
    if message.contains("there is no reactor running") {
        message.push_str(
            " (this crate needs a tokio runtime of the plugin's own: enable the feature `tokio` of \
             stackup-plugin and write `export!(tokio; …)`)",
        );
    }
    // A payload whose drop panics would end the process: leak all but text.
    if !(payload.is::<&str>() || payload.is::<String>()) {
        std::mem::forget(payload);
    }
    let place = PLACE.try_with(|cell| cell.take()).unwrap_or_default();
    Panic { message, place }
}

fn describe(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a payload that is not text".to_owned())
}
