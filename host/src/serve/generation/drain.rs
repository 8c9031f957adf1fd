//! The end of a generation: its requests finish, then the instances that no other generation has retire.

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

/// What a generation consists of, to end it without holding it.
#[derive(Debug)]
pub(super) struct StackResources {
    pub(super) stack: Arc<Stack>,
    /// The instances of the stack, in the order of its directives.
    pub(super) instances: Vec<Arc<Instance>>,
    pub(super) gone: oneshot::Receiver<()>,
}

/// Drops `old`, waits for its requests until the deadline, then aborts the rest. Instances that no other generation has
/// end with it.
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
            "generation {number} did not drain within {deadline:?}: remaining requests are aborted{}",
            indented(&held_by)
        );
        drain_deadline.expire();
        // They abort at their next poll; one that blocks its thread holds the stack longer.
        in_time = tokio::time::timeout(deadline, gone).await.is_ok();
    }
    if in_time {
        // The instances still have its handlers, so no plugin code runs here.
        drop(stack);
    } else {
        report_stuck(number, &registry);
        registry.stuck(number);
        // Their code may still be running, so leaking them is the only safe end. Tasks end all the same, and
        // instances that another generation has are not affected.
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

/// Reports a generation that never drains, with the handler that blocks its thread, where there is one.
fn report_stuck(number: u64, registry: &Registry) {
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
        "generation {number} is held by a request that blocks its thread{whose}: its handlers stay in memory{}",
        indented(&held_by)
    );
}

/// Each line on a line of its own, indented.
fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("\n  {line}")).collect()
}
