//! `[limits]`.

use std::time::Duration;

use super::Reader;
use super::keys::{HOUR, Keys, SHORTEST};
use super::server::section;
use super::table::Entry;
use crate::load::manifest::{Diagnostic, Limits, duration};

pub(super) fn limits(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "limits")) else {
        return limits;
    };
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    // hyper's smallest buffer is 8 KiB.
    keys.bytes("header_bytes", 8 << 10..=16 << 20, &mut limits.header_bytes);
    keys.count("header_count", 1..=10_000, &mut limits.header_count);
    keys.time_or_off(
        "header_timeout",
        SHORTEST..=HOUR,
        &mut limits.header_timeout,
    );
    keys.bytes_or_off("body_bytes", 1..=1 << 40, &mut limits.body_bytes);
    keys.time_or_off("body_timeout", SHORTEST..=HOUR, &mut limits.body_timeout);
    keys.time_or_off("send_timeout", SHORTEST..=HOUR, &mut limits.send_timeout);
    keys.time_or_off(
        "request_timeout",
        SHORTEST..=24 * HOUR,
        &mut limits.request_timeout,
    );
    keys.count("connections", 1..=1_000_000, &mut limits.connections);
    keys.time(
        "shutdown_timeout",
        Duration::ZERO..=HOUR,
        &mut limits.shutdown_timeout,
    );
    keys.time(
        "drain_timeout",
        Duration::ZERO..=24 * HOUR,
        &mut limits.drain_timeout,
    );
    keys.time(
        "warmup_timeout",
        SHORTEST..=HOUR,
        &mut limits.warmup_timeout,
    );
    let report = keys.table.peek("block_report");
    keys.time_or_off("block_report", SHORTEST..=HOUR, &mut limits.block_report);
    keys.time_or_off("block_limit", SHORTEST..=24 * HOUR, &mut limits.block_limit);
    // The supervisor asks once a second.
    keys.time_or_off(
        "worker_timeout",
        Duration::from_secs(3)..=HOUR,
        &mut limits.worker_timeout,
    );
    if let (Some(entry), Some(report), Some(limit)) =
        (report, limits.block_report, limits.block_limit)
        && report >= limit
    {
        let limit = duration::show(limit);
        reader.report(
            Diagnostic::warning(entry.value.span(), "`block_report` has no effect")
                .label(format!(
                    "`block_limit` is {limit}: the worker is renewed by then"
                ))
                .help("make it shorter than `block_limit`"),
        );
    }
    table.finish(reader);
    limits
}
