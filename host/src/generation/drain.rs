//! The end of a generation: its requests finish, then what nothing else has of it retires.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::instance::{Instance, let_go};
use super::{Ending, Generation};
use crate::library::Loaded;
use crate::stack::Stack;

/// What is needed to end a generation without holding it.
#[derive(Debug)]
pub(super) struct Holdings {
    pub(super) stack: Arc<Stack>,
    /// What the stack is of, in the order of its directives.
    pub(super) instances: Vec<Arc<Instance>>,
    pub(super) gone: oneshot::Receiver<()>,
}

/// Lets go of `old`, waits for its requests until the deadline, then ends what is left. Instances that
/// no other generation has end with it.
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
        instances,
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
    if in_time {
        // The instances have its handlers still, so no code of a plugin runs here.
        drop(stack);
    } else {
        tracing::error!(
            event = "drain-stuck",
            generation = number,
            "generation {number} is held by a request that does not yield: its handlers are kept"
        );
        // Its code may still be running in them: leaking is the only safe end. The tasks end even so,
        // and what goes on in another generation goes on.
        let libraries: Vec<_> = instances
            .iter()
            .map(|one| Arc::clone(&one.library))
            .collect();
        std::mem::forget((stack, libraries));
    }
    let let_go = let_go(instances, loaded).await;
    if !in_time {
        return;
    }
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!(
        event = "drained",
        generation = number,
        seconds,
        tasks_ended = let_go.tasks.join(", "),
        libraries = let_go.libraries.map(|count| count.loaded),
        libraries_resting = let_go.libraries.map(|count| count.resting),
        "generation {number} retired after {seconds:.3} s"
    );
}
