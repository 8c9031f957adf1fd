//! What the host provides to plugins (log, clock, tasks), and the watchdog over them.
//!
//! Knows nothing of stacks. A task belongs to the [`Tasks`] of its instance.

#[cfg(feature = "cli")]
mod cache;
#[cfg(feature = "cli")]
mod data_command;
mod elapsed;
mod fetch;
mod figures;
mod guests;
mod log;
mod log_filters;
mod log_level;
mod log_line;
mod log_output;
pub mod own_threads;
mod page_size;
pub mod replaying;
mod store;
mod tasks;
mod watchdog;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use stackup_plugin::abi::host::{
    FetchRequest, Fetching, GuestFailure, GuestRequest, HostGuest, LogInterest, PluginLog,
    Services, StoreNamespace,
};
use tokio::runtime::Handle;

#[cfg(feature = "cli")]
pub use self::cache::{CacheCommand, PurgeTarget};
#[cfg(feature = "cli")]
pub use self::data_command::DataCommand;
pub use self::elapsed::Elapsed;
pub use self::fetch::{FetchHub, FetchStatus};
pub use self::figures::{Families, FamilyKind, Figures, MetricsFormat, SampleValue, metrics_text};
pub use self::guests::{GuestAddress, GuestEvent, GuestHub, GuestRequests, GuestState};
pub use self::log::{
    LogFormat, LogSettings, color_wanted, flush_log, start as start_log, subscribe_log,
    write_guest_line, write_to_stderr,
};
pub use self::log_filters::LogFilters;
pub use self::log_level::{level_from_number, number_from_level, set_filters as set_log_filters};
pub use self::log_line::{LogLine, has_level_prefix};
pub(crate) use self::page_size::page_size;
pub use self::store::{
    EngineStatus, OpenStore, RedisSettings, RedisUrl, SnapshotError, StoreCommand, StoreHub,
    StoreReport, StoreSettings,
};
pub use self::tasks::{EndedTasks, RunningTask, Tasks};
pub use self::watchdog::{BlockLimits, BlockedHandler, Watchdog};

/// Provides this process's log, tokio clock and store to every plugin. Call it once, within the runtime. The store begins
/// as a small one in memory. `worker` is the worker's number, and zero in other processes.
pub fn install(worker: u32) -> Lent {
    let runtime = Handle::current();
    let fetch = FetchHub::new(runtime.clone());
    let guests = GuestHub::new(fetch.clone(), runtime.clone());
    let store = StoreHub::new(FIRST_STORE, worker, runtime.clone());
    let figures = Figures::default();
    stackup_plugin::abi::host::install(Box::new(HostServices {
        fetch: fetch.clone(),
        guests: guests.clone(),
        store: store.clone(),
        figures: figures.clone(),
        runtime,
    }));
    Lent {
        store,
        fetch,
        guests,
        figures,
    }
}

/// What the host lends plugins that has a state of its own.
#[derive(Clone)]
pub struct Lent {
    /// The store.
    pub store: StoreHub,
    /// What sends their requests to other servers.
    pub fetch: FetchHub,
    /// Its claims to guests.
    pub guests: GuestHub,
    /// What the host counts.
    pub figures: Figures,
}

/// The bytes of the store before the manifest is read. A probe and `stackup check` keep it.
const FIRST_STORE: u64 = 16 << 20;

struct HostServices {
    runtime: Handle,
    store: StoreHub,
    fetch: FetchHub,
    guests: GuestHub,
    figures: Figures,
}

impl Services for HostServices {
    fn log(&self, line: &PluginLog<'_>) {
        // A library that was built before filters asks only for the most verbose level.
        if log_level::wants(line.level, line.target, line.handler) {
            log::write_plugin_line(line);
        }
    }

    fn log_interest(&self, level: u8, target: &str) -> LogInterest {
        log_level::interest(level, target)
    }

    fn log_wants(&self, level: u8, target: &str, handler: &str) -> bool {
        log_level::wants(level, target, handler)
    }

    fn log_level(&self) -> u8 {
        log_level::max_level()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // A plugin may call it on its own thread, outside of the runtime.
        let _entered = self.runtime.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    fn fetch(&self, request: FetchRequest) -> Fetching {
        self.fetch.fetch(request)
    }

    fn guest(&self, request: GuestRequest) -> Result<Arc<dyn HostGuest>, GuestFailure> {
        self.guests.open(request)
    }

    fn metrics_text(&self, is_open_metrics: bool) -> String {
        let format = match is_open_metrics {
            true => MetricsFormat::OpenMetrics,
            false => MetricsFormat::Prometheus,
        };
        metrics_text(&self.figures.read(), format)
    }

    fn store(&self, namespace: &str) -> Arc<dyn StoreNamespace> {
        self.store.open(namespace)
    }
}
