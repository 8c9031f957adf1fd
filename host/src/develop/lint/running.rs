//! Which layer's code runs on this thread, and for how long, without the layers below it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::layer::Layer;
use super::request::RequestCheck;

thread_local! {
    static HERE: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// A layer in a poll.
struct Running {
    check: Arc<RequestCheck>,
    layer: Arc<Layer>,
    since: Instant,
    /// The time of the layers that it polled in turn.
    below: Duration,
}

/// Runs a poll of the layer. Returns its output and the time in the layer itself.
pub(super) fn polling<R>(
    check: &Arc<RequestCheck>,
    layer: &Arc<Layer>,
    poll: impl FnOnce() -> R,
) -> (R, Duration) {
    let running = Running {
        check: Arc::clone(check),
        layer: Arc::clone(layer),
        since: Instant::now(),
        below: Duration::ZERO,
    };
    let outer = HERE.replace(Some(running));
    let output = poll();
    let running = HERE.replace(outer);
    let Some(running) = running else {
        return (output, Duration::ZERO);
    };
    let took = running.since.elapsed();
    HERE.with_borrow_mut(|outer| {
        if let Some(outer) = outer {
            outer.below += took;
        }
    });
    (output, took.saturating_sub(running.below))
}

/// The layer whose code runs on this thread.
pub(super) fn layer() -> Option<Arc<Layer>> {
    HERE.with_borrow(|running| Some(Arc::clone(&running.as_ref()?.layer)))
}

/// The layer whose code runs, if it works on this request.
pub(super) fn layer_of(check: &Arc<RequestCheck>) -> Option<Arc<Layer>> {
    HERE.with_borrow(|running| {
        let running = running.as_ref()?;
        Arc::ptr_eq(&running.check, check).then(|| Arc::clone(&running.layer))
    })
}

/// The request that the running layer works on.
pub(super) fn check() -> Option<Arc<RequestCheck>> {
    HERE.with_borrow(|running| Some(Arc::clone(&running.as_ref()?.check)))
}
