//! The end of a generation: its requests finish, then what nothing else has of it retires.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stackup_plugin::abi::host::running_handlers;
use tokio::sync::oneshot;

use super::drain_deadline::DrainDeadline;
use super::generation::Generation;
use super::instance::{Instance, release};
use super::registry::Registry;
use crate::load::library::LoadedLibraries;
use crate::serve::stack::Stack;

/// What is needed to end a generation without holding it.
#[derive(Debug)]
pub(super) struct StackResources {
    pub(super) stack: Arc<Stack>,
    /// What the stack is of, in the order of its directives.
    pub(super) instances: Vec<Arc<Instance>>,
    pub(super) gone: oneshot::Receiver<()>,
}

/// Lets go of `old`, waits for its requests until the deadline, then ends what is left. Instances that
/// no other generation has end with it.
pub(super) async fn drain(
    old: Arc<Generation>,
    resources: StackResources,
    deadline: Duration,
    loaded: LoadedLibraries,
    registry: Arc<Registry>,
) {
    let start = Instant::now();
    let number = old.number;
    let drain_deadline: Arc<DrainDeadline> = Arc::clone(old.deadline());
    drop(old);
    let StackResources {
        stack,
        instances,
        mut gone,
    } = resources;
    let mut in_time = tokio::time::timeout(deadline, &mut gone).await.is_ok();
    if !in_time {
        let held_by = registry.held_by(number, Instant::now()).to_string();
        tracing::warn!(
            event = "drain-deadline",
            generation = number,
            held_by,
            "generation {number} did not drain within {deadline:?}: what is left is ended{}",
            indented(&held_by)
        );
        drain_deadline.expire();
        // They end at their next poll; one that blocks its thread holds the stack longer.
        in_time = tokio::time::timeout(deadline, gone).await.is_ok();
    }
    if in_time {
        // The instances have its handlers still, so no code of a plugin runs here.
        drop(stack);
    } else {
        tell_stuck(number, &registry);
        registry.stuck(number);
        // Its code may still be running in them: leaking is the only safe end. The tasks end even so,
        // and what goes on in another generation goes on.
        let libraries: Vec<_> = instances
            .iter()
            .map(|one| Arc::clone(&one.library))
            .collect();
        std::mem::forget((stack, libraries));
    }
    let end = release(instances, loaded).await;
    registry.rested(&end);
    if !in_time {
        return;
    }
    registry.drained(number);
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!(
        event = "drained",
        generation = number,
        seconds,
        tasks_ended = end.tasks.join(", "),
        libraries = end.libraries.map(|count| count.loaded),
        libraries_resting = end.libraries.map(|count| count.unused),
        "generation {number} retired after {seconds:.3} s"
    );
}

/// Says what holds a generation for good: a handler that blocks its thread, where there is one.
fn tell_stuck(number: u64, registry: &Registry) {
    let busy = running_handlers()
        .into_iter()
        .filter(|busy| busy.generation == number);
    let mut handlers: Vec<_> = busy.map(|busy| busy.handler.handler.as_str()).collect();
    handlers.sort_unstable();
    handlers.dedup();
    let held_by = registry.held_by(number, Instant::now()).to_string();
    let whose = match &handlers[..] {
        [] => String::new(),
        handlers => format!(" in `{}`", handlers.join("`, `")),
    };
    tracing::error!(
        event = "drain-stuck",
        generation = number,
        handler = handlers.join(", "),
        held_by,
        "generation {number} is held by a request that does not yield{whose}: its handlers are kept{}",
        indented(&held_by)
    );
}

/// The lines, each on one of its own below what was said.
fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("\n  {line}")).collect()
}
