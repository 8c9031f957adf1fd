//! The end of a generation: its requests finish, then the instances that no other generation has retire.

use std::sync::Arc;
use std::time::Instant;

use stackup_plugin::abi::host::{RunningHandler, running_handlers};
use tokio::sync::oneshot;

use super::drain_deadlines::DrainDeadlines;
use super::drain_state::{DrainState, DrainTimes};
use super::generation::Generation;
use super::instance::{Instance, TASKS_LIMIT, release};
use super::registry::Registry;
use super::waiting::WaitingRequests;
use crate::load::library::LoadedLibraries;
use crate::serve::stack::Stack;
use crate::services::EndedTasks;

/// What a generation consists of, to end it without holding it.
#[derive(Debug)]
pub(super) struct StackResources {
    pub(super) stack: Arc<Stack>,
    /// The instances of the stack, in the order of its directives.
    pub(super) instances: Vec<Arc<Instance>>,
    pub(super) gone: oneshot::Receiver<()>,
}

/// Drops `old`, waits for its requests until the deadline, then aborts those that run on replaced code. Instances that no
/// other generation has end with it.
pub(super) async fn drain(
    old: Arc<Generation>,
    resources: StackResources,
    times: DrainTimes,
    loaded: LoadedLibraries,
    registry: Arc<Registry>,
) {
    let start = Instant::now();
    let number = old.number;
    let (state, waiting) = (Arc::clone(old.drain()), Arc::clone(old.waiting()));
    drop(old);
    let StackResources {
        stack,
        instances,
        mut gone,
    } = resources;
    let mut tasks_ended = Vec::new();
    let deadlines = DrainDeadlines {
        number,
        state: &state,
        waiting: &waiting,
        registry: &registry,
    };
    let mut in_time = deadlines.pass(&mut gone, times).await;
    if !in_time {
        // They abort at their next poll; one that blocks its thread holds the stack longer.
        let deadline = times.requests;
        loop {
            let busy: Vec<_> = busy_handlers(number).collect();
            in_time = tokio::time::timeout(deadline, &mut gone).await.is_ok();
            let is_same =
                |a: &RunningHandler, b: &RunningHandler| (a.thread, a.poll) == (b.thread, b.poll);
            let blocks = |now: RunningHandler| busy.iter().any(|before| is_same(before, &now));
            if in_time || !is_kept(&state, &waiting) || busy_handlers(number).any(blocks) {
                break;
            }
            // What was replaced ends now, although the stack stays in memory for requests that can't enter it.
            tasks_ended.extend(end_replaced_tasks(&state, &instances).await);
        }
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
    tasks_ended.extend(end.tasks);
    if !in_time {
        return;
    }
    registry.drained(number);
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!(
        event = "drained",
        generation = number,
        seconds,
        tasks_ended = tasks_ended.join(", "),
        libraries = end.libraries.map(|count| count.loaded),
        libraries_resting = end.libraries.map(|count| count.unused),
        "generation {number} retired after {seconds:.3} s"
    );
}

/// Whether requests hold it whose handlers are all in the active generation.
pub(super) fn is_kept(state: &DrainState, waiting: &WaitingRequests) -> bool {
    let kept = |level| state.keeper(level).is_some();
    state.kept_calls() > 0 || waiting.count_at(kept) > 0
}

/// Ends the tasks of instances that the active generation does not have. Returns their names.
async fn end_replaced_tasks(state: &DrainState, instances: &[Arc<Instance>]) -> Vec<String> {
    let replaced = instances.iter().filter(|one| !state.keeps(one.id));
    let ended: EndedTasks = replaced.map(|one| one.tasks.end()).collect();
    ended.dropped(TASKS_LIMIT).await
}

/// The handlers that threads are polling for requests that count for this generation.
fn busy_handlers(number: u64) -> impl Iterator<Item = RunningHandler> {
    running_handlers()
        .into_iter()
        .filter(move |busy| busy.generation == number)
}

/// Reports a generation that never drains, with the handler that blocks its thread, where there is one.
fn report_stuck(number: u64, registry: &Registry) {
    let busy = busy_handlers(number);
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
pub(super) fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("\n  {line}")).collect()
}
