//! `[failures]`.

use std::time::Duration;

use super::keys::{HOUR, Keys, SHORTEST};
use super::server::section;
use super::table::Entry;
use super::{Reader, embedded};
use crate::load::manifest::Failures;

pub(super) fn failures(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Failures {
    let mut failures = Failures::default();
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "failures")) else {
        return failures;
    };
    embedded::keys(reader, &table);
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    let some_time = SHORTEST..=24 * HOUR;
    keys.count_or_off("panics", 1..=10_000, &mut failures.panics);
    keys.time(
        "panic_window",
        some_time.clone(),
        &mut failures.panic_window,
    );
    keys.time("cool_down", some_time.clone(), &mut failures.cool_down);
    keys.count("crashes", 1..=1000, &mut failures.crashes);
    keys.time("crash_window", some_time, &mut failures.crash_window);
    keys.time(
        "probation_time",
        Duration::ZERO..=24 * HOUR,
        &mut failures.probation_time,
    );
    keys.count(
        "probation_requests",
        1..=1_000_000_000,
        &mut failures.probation_requests,
    );
    table.finish(reader);
    failures
}
