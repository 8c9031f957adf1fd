//! What the log says of connections that do not end in time while the worker does.

use std::time::Instant;

use crate::serve::generation::Registry;
use crate::serve::server::Overdue;

/// Names the requests of connections that are about to be aborted.
pub(super) fn log_cut(registry: &Registry, overdue: Overdue, connections: usize) {
    if connections == 0 {
        return;
    }
    let all = registry.open_requests(Instant::now());
    let cut = all.into_iter().map(|mut held_by| {
        match overdue {
            Overdue::All => {}
            Overdue::AllButUpgrades => held_by.waiting.retain_upgrades(false),
            Overdue::Upgrades => held_by.waiting.retain_upgrades(true),
        }
        held_by.to_string()
    });
    let cut: Vec<_> = cut.filter(|lines| !lines.is_empty()).collect();
    let held_by = cut.join("\n");
    let lines: String = held_by.lines().map(|line| format!("\n  {line}")).collect();
    tracing::warn!(
        event = "cut",
        cut = connections,
        held_by,
        "{connections} connections were aborted at the deadline{lines}"
    );
}
