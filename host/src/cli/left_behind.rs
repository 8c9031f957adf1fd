//! What each reload of a plugin would add to the process, told before production does.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::load::library::PluginUsage;
use crate::process::control::{count, size};
use crate::serve::generation::Reloader;

/// How long threads and descriptors may take to end after their handler.
const END: Duration = Duration::from_millis(500);
/// How often to look.
const INTERVAL: Duration = Duration::from_millis(10);
/// Memory that is worth a warning, in bytes: every library keeps some.
const MEMORY: u64 = 1 << 20;

/// Ends the handlers of a stack that was only checked. Returns a warning for each plugin of which something stays.
pub(super) async fn left_behind(reloader: Reloader) -> Vec<String> {
    let libraries = reloader.libraries();
    reloader.end_unused().await;
    let end = Instant::now() + END;
    loop {
        let usage = libraries.usage();
        let is_left = |plugin: &PluginUsage| plugin.threads > 0 || plugin.descriptors > 0;
        if !usage.iter().any(is_left) || Instant::now() >= end {
            return usage.iter().filter_map(warning).collect();
        }
        sleep(INTERVAL).await;
    }
}

fn warning(usage: &PluginUsage) -> Option<String> {
    let things = [
        (usage.threads > 0).then(|| count(usage.threads, "thread", "threads")),
        (usage.descriptors > 0).then(|| count(usage.descriptors, "descriptor", "descriptors")),
        (usage.memory >= MEMORY).then(|| size(usage.memory)),
    ];
    let things: Vec<_> = things.into_iter().flatten().collect();
    if things.is_empty() {
        return None;
    }
    Some(format!(
        "warning: each reload of `{}` leaves {} behind, since code is never unloaded\n  \
         = help: end it in the handler's `Drop`; docs/one-process.md, \"Threads, descriptors, memory\", says \
         what else helps",
        usage.plugin,
        things.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(threads: u64, descriptors: u64, memory: u64) -> Option<String> {
        warning(&PluginUsage {
            plugin: "sums".to_owned(),
            copies: 1,
            unused: 1,
            memory,
            threads,
            descriptors,
        })
    }

    #[test]
    fn only_what_stays_is_warned_of() {
        assert_eq!(warned(0, 0, 22 << 10), None);
        let all = warned(2, 1, 4 << 20).unwrap();
        assert!(
            all.contains("of `sums` leaves 2 threads, 1 descriptor, 4.0 MiB behind"),
            "{all}"
        );
        let memory = warned(0, 0, 1 << 20).unwrap();
        assert!(memory.contains("leaves 1.0 MiB behind"), "{memory}");
    }
}
