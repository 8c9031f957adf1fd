//! What the log says of stacks and reloads.

use std::fmt::Write as _;
use std::time::Duration;

use crate::generation::{Outcome, Reloader, Report};
use crate::server::Listener;

/// The first stack, and where it is served.
pub(super) fn announce(reloader: &Reloader, listeners: &[Listener], took: Duration) {
    let outline = reloader
        .outline()
        .map(ToString::to_string)
        .unwrap_or_default();
    let indented = outline.replace('\n', "\n  ");
    tracing::info!(
        event = "stack",
        generation = 1,
        "generation 1, ready in {} ms\n  {indented}",
        took.as_millis()
    );
    for listener in listeners {
        let url = listener.to_string();
        tracing::info!(event = "listening", url, "listening on {url}");
    }
}

/// What is odd about the manifest.
pub(super) fn warn(report: &Report) {
    for warning in &report.warnings {
        tracing::warn!(target: "stackup", event = "manifest-warning", "{warning}");
    }
}

/// How a reload ended.
pub(super) fn tell(report: &Report, took: Duration) {
    warn(report);
    let generation = report.generation;
    let milliseconds = took.as_secs_f64() * 1000.0;
    let stages = stages(report);
    match &report.outcome {
        Outcome::Swapped => {
            let mut text =
                format!("generation {generation} serves after {milliseconds:.1} ms ({stages})");
            for change in &report.changes {
                let _ = write!(text, "\n  {change}");
            }
            let instances = report.instances.to_string();
            let _ = write!(text, "\n  {instances}");
            let changes: Vec<_> = report.changes.iter().map(ToString::to_string).collect();
            tracing::info!(
                event = "reload",
                outcome = "swapped",
                generation,
                milliseconds,
                stages,
                changes = changes.join("\n"),
                instances,
                "{text}"
            );
        }
        Outcome::Unchanged => tracing::info!(
            event = "reload",
            outcome = "unchanged",
            generation,
            milliseconds,
            stages,
            "nothing has changed: generation {generation} goes on serving"
        ),
        Outcome::Refused(reason) => tracing::error!(
            event = "reload",
            outcome = "refused",
            generation,
            milliseconds,
            error = reason,
            "{}\n\nthe change is refused: generation {generation} goes on serving",
            reason.trim_end()
        ),
    }
}

fn stages(report: &Report) -> String {
    let shown: Vec<_> = report
        .timings
        .iter()
        .map(|(stage, time)| format!("{stage} {:.1}", time.as_secs_f64() * 1000.0))
        .collect();
    shown.join(", ")
}
