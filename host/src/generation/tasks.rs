//! The tasks that a generation's handlers have spawned.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use stackup_plugin::abi::host::{Scope, TaskControl};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// Runs tasks on the host's runtime and ends them with their generation.
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
    abort: AbortHandle,
}

impl Tasks {
    /// None yet; they will run on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            running: Mutex::default(),
        }
    }

    /// Ends every task, and each that is spawned from now on. Returns the labels of those that ran.
    pub fn end(&self) -> Vec<String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.ended = true;
        let tasks = std::mem::take(&mut running.tasks);
        drop(running);
        let live = tasks.into_iter().filter(|task| !task.abort.is_finished());
        live.map(|task| {
            task.abort.abort();
            task.label
        })
        .collect()
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
        let abort = self.runtime.spawn(task).abort_handle();
        if running.ended {
            abort.abort();
        } else {
            running.tasks.retain(|task| !task.abort.is_finished());
            let label = format!("{handler}: {name}");
            running.tasks.push(Task {
                label,
                abort: abort.clone(),
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
