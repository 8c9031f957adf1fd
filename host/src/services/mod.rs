//! What the host lends its plugins, the log and the clock; and the watchdog over them.
//!
//! Knows nothing of stacks. A task belongs to the [`Tasks`] of its instance.

mod elapsed;
mod log;
mod tasks;
mod watchdog;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use stackup_plugin::abi::host::{PluginLog, Services};
use tokio::runtime::Handle;

pub use self::elapsed::Elapsed;
pub use self::log::{
    LogFormat, LogLine, LogSettings, color_wanted, has_level_prefix, level_from_number,
    number_from_level, start as start_log, subscribe_log,
};
pub use self::tasks::{EndedTasks, RunningTask, Tasks};
pub use self::watchdog::{BlockLimits, BlockedHandler, Watchdog};

/// Lends this process's log and tokio clock to every plugin. Call it within the runtime, once.
pub fn install() {
    stackup_plugin::abi::host::install(Box::new(HostServices {
        runtime: Handle::current(),
    }));
}

struct HostServices {
    runtime: Handle,
}

impl Services for HostServices {
    fn log(&self, line: &PluginLog<'_>) {
        log::write_plugin_line(line);
    }

    fn log_level(&self) -> u8 {
        log::wanted_level()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // A plugin may ask on a thread of its own, where no runtime is entered.
        let _entered = self.runtime.enter();
        Box::pin(tokio::time::sleep(duration))
    }
}
