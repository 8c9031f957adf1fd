//! Contains panics: nothing unwinds across the boundary, and the error has the panic's location.

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
    /// Reports a panic in `what`, which has no request to fail.
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

/// Replaces this library's copy of std's hook, which would print to stderr and load 35 MB of symbols.
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

/// Records a panic's location for [`contain`] in a test. Panics of the test itself go to the previous hook.
#[cfg(feature = "testing")]
pub(super) fn install_test_hook() {
    // A panicking thread can't change the hook, and a failing test does not need it.
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

/// Runs `f` and catches a panic.
#[inline]
pub fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    // State that `f` leaves half changed is dropped and never used again.
    catch_unwind(AssertUnwindSafe(f)).map_err(caught)
}

#[cold]
fn caught(payload: Box<dyn Any + Send>) -> Panic {
    let mut message = describe(&*payload);
    if message.contains("there is no reactor running") {
        message.push_str(
            " (the plugin needs its own tokio runtime: enable the feature `tokio` of stackup-plugin and \
             write `export!(tokio; …)`)",
        );
    }
    // A payload whose drop panics would abort the process, so leak everything but text.
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
