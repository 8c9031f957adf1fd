//! What the log says about stacks and reloads.

use std::time::Duration;

use crate::serve::generation::{ReloadOutcome, ReloadRecord};
use crate::serve::generation::{Reloader, Report};
use crate::services::Elapsed;

/// How many changes of a stack fit into a line.
const CHANGES_SHOWN: usize = 3;

/// The stack that a worker starts with.
pub fn announce(reloader: &Reloader, generation: u64, took: Duration) {
    let outline = reloader
        .outline()
        .map(ToString::to_string)
        .unwrap_or_default();
    let indented = outline.replace('\n', "\n  ");
    tracing::info!(
        event = "stack",
        generation,
        "generation {generation}, ready in {}\n  {indented}",
        Elapsed(took)
    );
}

/// The warnings about the manifest, and those of the compiler.
pub fn warn(report: &Report) {
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
            let text = swapped(record, tracing::enabled!(tracing::Level::DEBUG));
            let instances = &record.instances;
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
            "nothing has changed: generation {generation} keeps serving"
        ),
        ReloadOutcome::Refused => {
            let reason = record.error.as_deref().unwrap_or_default();
            let stage = record.stage.as_deref().unwrap_or_default();
            let consequence = match generation {
                0 => "there is no stack yet: every request gets 503 until this is fixed".to_owned(),
                _ => format!("the change is refused: generation {generation} keeps serving"),
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
                "{}\n\n{consequence}",
                reason.trim_end()
            );
        }
    }
}

/// A new generation in one line; `verbose` adds every change, the instances and the stages.
fn swapped(record: &ReloadRecord, verbose: bool) -> String {
    let ReloadRecord {
        generation,
        milliseconds,
        changes,
        instances,
        ..
    } = record;
    let took = Elapsed(Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default());
    let mut text = format!("generation {generation}, ready in {took}");
    if verbose {
        for change in changes {
            text = text + "\n  " + change;
        }
        return format!("{text}\n  {instances}\n  {}", stages(record));
    }
    let mut separator = ": ";
    for change in changes.iter().take(CHANGES_SHOWN) {
        text = text + separator + &one_spaced(change);
        separator = ", ";
    }
    match changes.len().checked_sub(CHANGES_SHOWN) {
        None | Some(0) => text,
        Some(more) => format!("{text} and {more} more"),
    }
}

/// A change without the indentation of its depth.
fn one_spaced(change: &str) -> String {
    change.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn stages(record: &ReloadRecord) -> String {
    let shown: Vec<_> = record
        .stages
        .iter()
        .map(|(stage, time)| format!("{stage} {time:.1}"))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(changes: &[&str]) -> ReloadRecord {
        ReloadRecord {
            number: 1,
            at: 0,
            outcome: ReloadOutcome::Swapped,
            generation: 2,
            milliseconds: 512.3,
            stages: vec![("manifest".to_owned(), 0.2), ("init".to_owned(), 3.4)],
            changes: changes.iter().map(|change| (*change).to_owned()).collect(),
            instances: "kept logger; built hello".to_owned(),
            stage: None,
            error: None,
        }
    }

    #[test]
    fn reload_takes_one_line() {
        assert_eq!(
            swapped(&record(&[]), false),
            "generation 2, ready in 512 ms"
        );
        let nested = record(&["~ run hello (code 1 → 2)", "+     use cors"]);
        assert_eq!(
            swapped(&nested, false),
            "generation 2, ready in 512 ms: ~ run hello (code 1 → 2), + use cors"
        );
        assert_eq!(
            swapped(&record(&["+ a", "+ b", "+ c", "+ d", "+ e"]), false),
            "generation 2, ready in 512 ms: + a, + b, + c and 2 more"
        );
    }

    #[test]
    fn verbose_reload_shows_changes_instances_and_stages() {
        assert_eq!(
            swapped(&record(&["+ a"]), true),
            "generation 2, ready in 512 ms\n  + a\n  kept logger; built hello\n  manifest 0.2, init 3.4"
        );
    }
}
