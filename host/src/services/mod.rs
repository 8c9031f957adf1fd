//! What the host provides to plugins (log, clock, tasks), and the watchdog over them.
//!
//! Knows nothing of stacks. A task belongs to the [`Tasks`] of its instance.

mod elapsed;
mod log;
mod log_output;
pub mod own_threads;
mod page_size;
mod store;
mod tasks;
mod watchdog;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use stackup_plugin::abi::host::{PluginLog, Services, StoreNamespace};
use tokio::runtime::Handle;

pub use self::elapsed::Elapsed;
pub use self::log::{
    LogFormat, LogLine, LogSettings, color_wanted, flush_log, has_level_prefix, level_from_number,
    number_from_level, start as start_log, subscribe_log, write_to_stderr,
};
pub(crate) use self::page_size::page_size;
pub use self::store::{
    EngineStatus, OpenStore, RedisSettings, RedisUrl, SnapshotError, StoreCommand, StoreHub,
    StoreReport, StoreSettings,
};
pub use self::tasks::{EndedTasks, RunningTask, Tasks};
pub use self::watchdog::{BlockLimits, BlockedHandler, Watchdog};

/// Provides this process's log, tokio clock and store to every plugin. Call it once, within the runtime. The store begins
/// as a small one in memory. `worker` is the worker's number, and zero in other processes.
pub fn install(worker: u32) -> StoreHub {
    let runtime = Handle::current();
    let store = StoreHub::new(FIRST_STORE, worker, runtime.clone());
    stackup_plugin::abi::host::install(Box::new(HostServices {
        runtime,
        store: store.clone(),
    }));
    store
}

/// The bytes of the store before the manifest is read. A probe and `stackup check` keep it.
const FIRST_STORE: u64 = 16 << 20;

struct HostServices {
    runtime: Handle,
    store: StoreHub,
}

impl Services for HostServices {
    fn log(&self, line: &PluginLog<'_>) {
        log::write_plugin_line(line);
    }

    fn log_level(&self) -> u8 {
        log::max_level()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // A plugin may call it on its own thread, outside of the runtime.
        let _entered = self.runtime.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    fn store(&self, namespace: &str) -> Arc<dyn StoreNamespace> {
        self.store.open(namespace)
    }
}
