//! The tasks that an instance has spawned.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stackup_plugin::abi::host::{Scope, TaskControl};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

/// Runs tasks on the host's runtime and ends them with their instance.
#[derive(Debug)]
pub struct Tasks {
    runtime: Handle,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    ended: bool,
    tasks: Vec<Task>,
}

#[derive(Debug)]
struct Task {
    /// `handler: name`.
    label: String,
    handle: JoinHandle<()>,
}

impl Tasks {
    /// None yet; they will run on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            running: Mutex::default(),
        }
    }

    /// Ends every task, and each that is spawned from now on. They are dropped soon: wait for it.
    pub fn end(&self) -> Ended {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.ended = true;
        let mut tasks = std::mem::take(&mut running.tasks);
        drop(running);
        tasks.retain(|task| !task.handle.is_finished());
        tasks.iter().for_each(|task| task.handle.abort());
        Ended(tasks)
    }
}

/// Tasks on their way out.
#[derive(Debug)]
pub struct Ended(Vec<Task>);

impl FromIterator<Self> for Ended {
    fn from_iter<I: IntoIterator<Item = Self>>(all: I) -> Self {
        Self(all.into_iter().flat_map(|ended| ended.0).collect())
    }
}

impl Ended {
    /// Waits until all are dropped, at the longest for `limit`. Returns their labels.
    pub async fn dropped(self, limit: Duration) -> Vec<String> {
        let deadline = Instant::now() + limit;
        let mut labels = Vec::new();
        for task in self.0 {
            // One that does not yield is left to itself: it holds nothing of its handler's.
            let _ = tokio::time::timeout_at(deadline, task.handle).await;
            labels.push(task.label);
        }
        labels
    }
}

impl Scope for Tasks {
    fn spawn(
        &self,
        handler: &str,
        name: &str,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn TaskControl> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = self.runtime.spawn(task);
        let abort = handle.abort_handle();
        if running.ended {
            abort.abort();
        } else {
            running.tasks.retain(|task| !task.handle.is_finished());
            let label = format!("{handler}: {name}");
            running.tasks.push(Task { label, handle });
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
