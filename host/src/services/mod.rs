//! What the host lends its plugins, the log and the clock; and the watchdog over them.
//!
//! Knows nothing of stacks. A task belongs to the [`Tasks`] of its instance.

mod log;
mod tasks;
mod watchdog;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use stackup_plugin::abi::host::{PluginLog, Services, install};
use tokio::runtime::Handle;

pub use self::log::{
    Format, LogLine, LogSettings, color_wanted, hear_log, level_of, number_of, start as start_log,
    titled,
};
pub use self::tasks::{Ended, RunningTask, Tasks};
pub use self::watchdog::{Hang, Patience, Watchdog};

/// Lends this process's log and tokio clock to every plugin. Call it within the runtime, once.
pub fn lend() {
    install(Box::new(HostServices {
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
