//! An instance of a handler, which may serve in several generations.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stackup_plugin::abi::host::Handler;

use super::health::Health;
use crate::load::library::{Fingerprint, Library, LibraryCounts, LoadedLibraries};
use crate::load::manifest::Config;
use crate::services::{EndedTasks, Tasks};

/// How long tasks may take to be dropped.
pub(super) const TASKS_LIMIT: Duration = Duration::from_secs(1);

/// What identifies an instance: directives with the same key can share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name in the manifest and in the log: `plugin` or `plugin#handler`.
    pub name: String,
    /// The fingerprint of its library.
    pub fingerprint: Fingerprint,
    /// Its name in the library.
    pub export: String,
    /// Its config.
    pub config: Config,
    /// The folder that relative paths in its config start from.
    pub directory: PathBuf,
}

/// Tells instances apart; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceId(u64);

impl InstanceId {
    /// One that no other instance of this process has.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A handler that was built, with its tasks and its library. Each generation that it serves in has an `Arc` of it; it
/// retires when the last of them has drained.
pub struct Instance {
    /// Tells it apart.
    pub id: InstanceId,
    /// What identifies it.
    pub key: Key,
    /// What stacks call.
    pub handler: Arc<Handler>,
    /// The tasks that it has spawned.
    pub tasks: Arc<Tasks>,
    /// Its panics and blocks.
    pub health: Arc<Health>,
    /// The library with its code.
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

/// What a release ended.
#[derive(Debug)]
pub(super) struct Released {
    /// The tasks that ended.
    pub(super) tasks: Vec<String>,
    /// The counts of libraries after it.
    pub(super) libraries: Option<LibraryCounts>,
}

/// Releases instances. Those that no generation has any more retire: their tasks end, they are dropped on a thread that
/// may block, and the memory of their libraries is reclaimed.
pub(super) async fn release(instances: Vec<Arc<Instance>>, loaded: LoadedLibraries) -> Released {
    // Of two that release an instance at once, only one is the last.
    let last: Vec<Instance> = instances.into_iter().filter_map(Arc::into_inner).collect();
    let ended: EndedTasks = last.iter().map(|instance| instance.tasks.end()).collect();
    let tasks = ended.dropped(TASKS_LIMIT).await;
    let dropped = tokio::task::spawn_blocking(move || {
        let parts = last.into_iter().map(|one| (one.handler, one.library));
        let (handlers, libraries): (Vec<_>, Vec<_>) = parts.unzip();
        drop(handlers);
        drop(libraries);
    });
    // A runtime that ends, as that of a command does, cancels what has not started.
    if dropped.await.is_err_and(|error| error.is_panic()) {
        tracing::error!("dropping handlers panicked");
    }
    let libraries = tokio::task::spawn_blocking(move || loaded.reclaim_unused());
    Released {
        tasks,
        libraries: libraries.await.ok(),
    }
}
