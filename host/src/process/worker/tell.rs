//! What the log says of stacks and reloads.

use std::fmt::Write as _;
use std::time::Duration;

use crate::serve::generation::{ReloadOutcome, ReloadRecord};
use crate::serve::generation::{Reloader, Report};

/// The stack that a worker begins with.
pub(super) fn announce(reloader: &Reloader, generation: u64, took: Duration) {
    let outline = reloader
        .outline()
        .map(ToString::to_string)
        .unwrap_or_default();
    let indented = outline.replace('\n', "\n  ");
    tracing::info!(
        event = "stack",
        generation,
        "generation {generation}, ready in {} ms\n  {indented}",
        took.as_millis()
    );
}

/// What is odd about the manifest, and about the crates.
pub(super) fn warn(report: &Report) {
    for warning in &report.warnings {
        tracing::warn!(target: "stackup", event = "manifest-warning", "{warning}");
    }
    for remark in &report.remarks {
        tracing::warn!(target: "stackup", event = "build-warning", "{remark}");
    }
}

/// How a reload ended.
pub(super) fn tell(record: &ReloadRecord) {
    let ReloadRecord {
        number,
        generation,
        milliseconds,
        ..
    } = record;
    let stages = stages(record);
    match record.outcome {
        ReloadOutcome::Swapped => {
            let mut text =
                format!("generation {generation} serves after {milliseconds:.1} ms ({stages})");
            for change in &record.changes {
                let _ = write!(text, "\n  {change}");
            }
            let instances = &record.instances;
            let _ = write!(text, "\n  {instances}");
            tracing::info!(
                event = "reload",
                number,
                outcome = "swapped",
                generation,
                milliseconds,
                stages,
                changes = record.changes.join("\n"),
                instances,
                "{text}"
            );
        }
        ReloadOutcome::Unchanged => tracing::info!(
            event = "reload",
            number,
            outcome = "unchanged",
            generation,
            milliseconds,
            stages,
            "nothing has changed: generation {generation} goes on serving"
        ),
        ReloadOutcome::Refused => {
            let reason = record.error.as_deref().unwrap_or_default();
            let stage = record.stage.as_deref().unwrap_or_default();
            let meanwhile = match generation {
                0 => {
                    "there is no stack yet: every request is answered with 503 until this is mended"
                        .to_owned()
                }
                _ => format!("the change is refused: generation {generation} goes on serving"),
            };
            tracing::error!(
                event = "reload",
                number,
                outcome = "refused",
                generation,
                milliseconds,
                stages,
                stage,
                error = reason,
                "{}\n\n{meanwhile}",
                reason.trim_end()
            );
        }
    }
}

fn stages(record: &ReloadRecord) -> String {
    let shown: Vec<_> = record
        .stages
        .iter()
        .map(|(stage, time)| format!("{stage} {time:.1}"))
        .collect();
    shown.join(", ")
}
