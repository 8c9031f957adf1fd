//! The tasks that an instance has spawned.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use stackup_plugin::abi::host::{TaskControl, TaskScope};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

/// Runs tasks on the host's runtime and ends them with their instance.
///
/// Those that are spawned before [`start`](Self::start) wait for it.
#[derive(Debug)]
pub struct Tasks {
    runtime: Handle,
    started: watch::Sender<bool>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    ended: bool,
    tasks: Vec<Task>,
}

#[derive(Debug)]
struct Task {
    handler: String,
    name: String,
    since: Instant,
    handle: JoinHandle<()>,
}

impl Tasks {
    /// Tasks will run on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            started: watch::Sender::new(false),
            running: Mutex::default(),
        }
    }

    /// The instance is about to get requests: its tasks run.
    pub fn start(&self) {
        self.started.send_replace(true);
    }

    /// Runs a task, once its instance is about to get requests.
    fn run(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) -> JoinHandle<()> {
        if *self.started.borrow() {
            return self.runtime.spawn(task);
        }
        let mut started = self.started.subscribe();
        self.runtime.spawn(async move {
            // Without a sender the instance is gone.
            if started.wait_for(|started| *started).await.is_ok() {
                task.await;
            }
        })
    }

    /// The tasks that run.
    pub fn running(&self, now: Instant) -> Vec<RunningTask> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running
            .tasks
            .iter()
            .filter(|task| !task.handle.is_finished());
        let shown = running.map(|task| RunningTask {
            handler: task.handler.clone(),
            name: task.name.clone(),
            seconds: now.saturating_duration_since(task.since).as_secs_f64(),
        });
        shown.collect()
    }

    /// Aborts every task, and each that is spawned from now on. Wait for the result until they are dropped.
    pub fn end(&self) -> EndedTasks {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.ended = true;
        let mut tasks = std::mem::take(&mut running.tasks);
        drop(running);
        tasks.retain(|task| !task.handle.is_finished());
        tasks.iter().for_each(|task| task.handle.abort());
        EndedTasks(tasks)
    }
}

/// A task that runs, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunningTask {
    /// The handler that has spawned it.
    pub handler: String,
    /// The name that the handler gave it.
    pub name: String,
    /// How long ago it was spawned.
    pub seconds: f64,
}

impl fmt::Display for RunningTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            handler,
            name,
            seconds,
        } = self;
        write!(
            f,
            "task `{name}` of `{handler}`, running for {seconds:.1} s"
        )
    }
}

/// Aborted tasks that may not be dropped yet.
#[derive(Debug)]
pub struct EndedTasks(Vec<Task>);

impl FromIterator<Self> for EndedTasks {
    fn from_iter<I: IntoIterator<Item = Self>>(all: I) -> Self {
        Self(all.into_iter().flat_map(|ended| ended.0).collect())
    }
}

impl EndedTasks {
    /// Waits until all are dropped, at most for `limit`. Returns `handler: name` of each.
    pub async fn dropped(self, limit: Duration) -> Vec<String> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut labels = Vec::new();
        for task in self.0 {
            // One that blocks its thread is left alone: it holds nothing of its handler.
            let _ = tokio::time::timeout_at(deadline, task.handle).await;
            labels.push(format!("{}: {}", task.handler, task.name));
        }
        labels
    }
}

impl TaskScope for Tasks {
    fn spawn(
        &self,
        handler: &str,
        name: &str,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn TaskControl> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = self.run(task);
        let abort = handle.abort_handle();
        if running.ended {
            abort.abort();
        } else {
            running.tasks.retain(|task| !task.handle.is_finished());
            running.tasks.push(Task {
                handler: handler.to_owned(),
                name: name.to_owned(),
                since: Instant::now(),
                handle,
            });
        }
        Box::new(Control(abort))
    }
}

struct Control(AbortHandle);

impl TaskControl for Control {
    fn abort(&self) {
        self.0.abort();
    }
}
