//! The end of a generation: its requests finish, its tasks end, its handlers are dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::tasks::Tasks;
use super::{Ending, Generation};
use crate::library::{Library, Loaded};
use crate::stack::Stack;

/// How long tasks may take to be dropped.
const TASKS_LIMIT: Duration = Duration::from_secs(1);

/// What is needed to end a generation without holding it.
#[derive(Debug)]
pub(super) struct Holdings {
    pub(super) stack: Arc<Stack>,
    /// Those that the handlers are of.
    pub(super) libraries: Vec<Arc<Library>>,
    pub(super) tasks: Arc<Tasks>,
    pub(super) gone: oneshot::Receiver<()>,
}

/// Lets go of `old`, waits for its requests until the deadline, then ends what is left. Libraries
/// that nothing uses any more rest from then on.
pub(super) async fn drain(
    old: Arc<Generation>,
    holdings: Holdings,
    deadline: Duration,
    loaded: Loaded,
) {
    let start = Instant::now();
    let number = old.number;
    let ending: Arc<Ending> = Arc::clone(old.ending());
    drop(old);
    let Holdings {
        stack,
        libraries,
        tasks,
        mut gone,
    } = holdings;
    let mut in_time = tokio::time::timeout(deadline, &mut gone).await.is_ok();
    if !in_time {
        tracing::warn!(
            event = "drain-deadline",
            generation = number,
            "generation {number} did not drain within {deadline:?}: its last requests are ended"
        );
        ending.end();
        // They end at their next poll; one that blocks its thread holds the stack longer.
        in_time = tokio::time::timeout(deadline, gone).await.is_ok();
    }
    let ended = tasks.end().dropped(TASKS_LIMIT).await;
    if !in_time {
        tracing::error!(
            event = "drain-stuck",
            generation = number,
            "generation {number} is held by a request that does not yield: its handlers are kept"
        );
        // Its code may still be running in them: leaking is the only safe end.
        std::mem::forget((stack, libraries));
        return;
    }
    let dropped = tokio::task::spawn_blocking(move || drop(stack)).await;
    if dropped.is_err() {
        tracing::error!(
            generation = number,
            "dropping the handlers of generation {number} panicked"
        );
    }
    let rested = tokio::task::spawn_blocking(move || {
        drop(libraries);
        loaded.rest()
    });
    let count = rested.await.ok();
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!(
        event = "drained",
        generation = number,
        seconds,
        tasks_ended = ended.join(", "),
        libraries = count.map(|count| count.loaded),
        libraries_resting = count.map(|count| count.resting),
        "generation {number} retired after {seconds:.3} s"
    );
}
