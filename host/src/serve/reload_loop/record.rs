//! The record of a reload, for the log, `stackup status` and the inspector.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::serve::generation::{Outcome, Report};
use crate::serve::generation::{ReloadOutcome, ReloadRecord};

/// The record of `report`, a reload that took this long.
pub(super) fn record(report: &Report, number: u64, took: Duration) -> ReloadRecord {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let began = now.saturating_sub(took);
    let (outcome, refusal) = match &report.outcome {
        Outcome::Swapped => (ReloadOutcome::Swapped, None),
        Outcome::Unchanged | Outcome::Outdated => (ReloadOutcome::Unchanged, None),
        Outcome::Refused(refusal) | Outcome::NeedsFreshProcess(refusal) => {
            (ReloadOutcome::Refused, Some(refusal))
        }
    };
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    ReloadRecord {
        number,
        at: u64::try_from(began.as_millis()).unwrap_or(u64::MAX),
        outcome,
        generation: report.generation,
        milliseconds: milliseconds(took),
        stages: report
            .timings
            .iter()
            .map(|(stage, time)| (stage.clone(), milliseconds(*time)))
            .collect(),
        changes: report.changes.iter().map(ToString::to_string).collect(),
        instances: report.instances.to_string(),
        stage: refusal.map(|refusal| refusal.stage.to_string()),
        error: refusal.map(|refusal| refusal.reason.clone()),
    }
}
