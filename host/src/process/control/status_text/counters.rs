//! What handlers have counted.

use std::fmt::Write as _;

use super::model::Counter;

/// The most counters of a handler that are shown; `--json` has all.
const MOST: usize = 20;

/// Counters that have counted something, by handler. They come in the order of the handlers.
pub(super) fn write(counters: &[Counter], out: &mut String) {
    for of_one in counters.chunk_by(|one, next| one.handler == next.handler) {
        let counted: Vec<_> = of_one.iter().filter(|one| one.value > 0).collect();
        let Some(first) = counted.first() else {
            continue;
        };
        let _ = writeln!(out, "  `{}` has counted", first.handler);
        let shown: Vec<_> = counted
            .iter()
            .take(MOST)
            .map(|one| (one.series(), one.value))
            .collect();
        let widths = shown.iter().map(|(series, _)| series.chars().count());
        let width = widths.max().unwrap_or_default();
        for (series, value) in &shown {
            let _ = writeln!(out, "      {series:<width$}  {value}");
        }
        if let more @ 1.. = counted.len() - shown.len() {
            let _ = writeln!(out, "      and {more} more (`--json` has all)");
        }
    }
}

impl Counter {
    /// The name and its labels, as OpenMetrics writes them.
    fn series(&self) -> String {
        let labels = self.labels.iter();
        let labels: Vec<_> = labels
            .map(|(label, value)| format!("{label}={:?}", value.as_str().unwrap_or_default()))
            .collect();
        match labels.is_empty() {
            true => self.name.clone(),
            false => format!("{}{{{}}}", self.name, labels.join(",")),
        }
    }
}
