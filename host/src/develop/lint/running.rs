//! Which layer's code runs on this thread, and for how long without the layers below it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::case::Case;
use super::layer::Layer;

thread_local! {
    static HERE: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// A layer in a poll.
struct Running {
    case: Arc<Case>,
    layer: Arc<Layer>,
    since: Instant,
    /// The time of what it polled in turn.
    below: Duration,
}

/// Runs a poll of the layer. Returns the time that it took by itself, too.
pub(super) fn polling<R>(
    case: &Arc<Case>,
    layer: &Arc<Layer>,
    poll: impl FnOnce() -> R,
) -> (R, Duration) {
    let running = Running {
        case: Arc::clone(case),
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

/// The layer whose code runs.
pub(super) fn layer() -> Option<Arc<Layer>> {
    HERE.with_borrow(|running| Some(Arc::clone(&running.as_ref()?.layer)))
}

/// The same, if it works on this request.
pub(super) fn layer_of(case: &Arc<Case>) -> Option<Arc<Layer>> {
    HERE.with_borrow(|running| {
        let running = running.as_ref()?;
        Arc::ptr_eq(&running.case, case).then(|| Arc::clone(&running.layer))
    })
}

/// The request that it works on.
pub(super) fn case() -> Option<Arc<Case>> {
    HERE.with_borrow(|running| Some(Arc::clone(&running.as_ref()?.case)))
}
