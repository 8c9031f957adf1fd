//! An instance of a handler, which may serve in several generations.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use stackup_plugin::abi::host::Handler;

use super::health::Health;
use crate::load::library::{Fingerprint, Library, LibraryCounts, LoadedLibraries};
use crate::services::{EndedTasks, Tasks};

/// How long tasks may take to be dropped.
const TASKS_LIMIT: Duration = Duration::from_secs(1);

/// What makes two directives mean the same instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// As the manifest names it, and so the log: `plugin` or `plugin#handler`.
    pub name: String,
    /// The content of its library.
    pub fingerprint: Fingerprint,
    /// As the library exports it.
    pub export: String,
    /// Its config.
    pub config: Map<String, Value>,
}

/// A handler that was built, with all that ends with it. Each generation that it serves in has an `Arc`
/// of it; it retires when the last of them has drained.
pub struct Instance {
    /// What it is.
    pub key: Key,
    /// What stacks call.
    pub handler: Arc<Handler>,
    /// What it has spawned.
    pub tasks: Arc<Tasks>,
    /// How it does.
    pub health: Arc<Health>,
    /// Its code.
    pub library: Arc<Library>,
    /// The number of the generation that it was built for.
    pub born: u64,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("key", &self.key)
            .field("born", &self.born)
            .finish_non_exhaustive()
    }
}

/// How letting go ended.
#[derive(Debug)]
pub(super) struct Released {
    /// The tasks that were ended.
    pub(super) tasks: Vec<String>,
    /// The libraries after it, those that rest from now on included.
    pub(super) libraries: Option<LibraryCounts>,
}

/// Lets go of instances. Those that nothing else has retire: their tasks end, then they are dropped, on a
/// thread that may block, then their libraries may rest.
pub(super) async fn release(instances: Vec<Arc<Instance>>, loaded: LoadedLibraries) -> Released {
    // Of two that let go at once, just one is the last.
    let last: Vec<Instance> = instances.into_iter().filter_map(Arc::into_inner).collect();
    let ended: EndedTasks = last.iter().map(|instance| instance.tasks.end()).collect();
    let tasks = ended.dropped(TASKS_LIMIT).await;
    let dropped = tokio::task::spawn_blocking(move || {
        let parts = last.into_iter().map(|one| (one.handler, one.library));
        let (handlers, libraries): (Vec<_>, Vec<_>) = parts.unzip();
        drop(handlers);
        drop(libraries);
    });
    // A runtime that ends, as that of a command does, cancels what has not begun.
    if dropped.await.is_err_and(|error| error.is_panic()) {
        tracing::error!("dropping handlers panicked");
    }
    let libraries = tokio::task::spawn_blocking(move || loaded.reclaim_unused());
    Released {
        tasks,
        libraries: libraries.await.ok(),
    }
}
