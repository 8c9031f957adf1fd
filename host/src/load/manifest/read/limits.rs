//! `[limits]`, and `limits` of a map.

use std::time::Duration;

use toml::de::DeValue;

use super::keys::{HOUR, Keys, SHORTEST};
use super::level::Enclosing;
use super::server::section;
use super::table::{Entry, Kind, Table};
use super::{Reader, embedded};
use crate::load::manifest::{Diagnostic, Limits, MapLimits, duration};

/// New code is to be seen soon, and a client connects again.
const UPGRADE_DRAIN_IN_DEVELOPMENT: Duration = Duration::from_secs(1);

/// What can't be limited for a map alone, and why.
const OF_THE_SERVER: [(&[&str], &str); 3] = [
    (
        &[
            "header_bytes",
            "header_count",
            "header_timeout",
            "connections",
            "http2_streams",
        ],
        "it applies before the path of a request is known",
    ),
    (
        &[
            "shutdown_timeout",
            "drain_timeout",
            "upgrade_drain",
            "warmup_timeout",
        ],
        "it applies to the whole stack",
    ),
    (
        &["block_report", "block_limit", "worker_timeout", "fetches"],
        "it applies to the whole process",
    ),
];

/// Why a map can't have this key of `[limits]`; none if it can, or there is no such key.
pub(super) fn why_of_the_server(key: &str) -> Option<&'static str> {
    let mut reasons = OF_THE_SERVER.iter();
    let (_, reason) = reasons.find(|(keys, _)| keys.contains(&key))?;
    Some(reason)
}

pub(super) fn limits(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "limits")) else {
        return limits;
    };
    embedded::keys(reader, &table);
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
    of_requests(&mut keys, &mut limits);
    keys.count("connections", 1..=1_000_000, &mut limits.connections);
    keys.count("http2_streams", 1..=10_000, &mut limits.http2_streams);
    keys.count_or_off("fetches", 1..=1_000_000, &mut limits.fetches);
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
        "upgrade_drain",
        Duration::ZERO..=24 * HOUR,
        &mut limits.upgrade_drain,
    );
    if keys.reader.settings.environment == "development" {
        limits.upgrade_drain = limits.upgrade_drain.min(UPGRADE_DRAIN_IN_DEVELOPMENT);
    }
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

/// `limits` of a map.
pub(super) fn of_map(
    reader: &mut Reader<'_>,
    entry: Option<Entry<'_>>,
    around: &Enclosing,
) -> MapLimits {
    let Some(entry) = entry else {
        return MapLimits::default();
    };
    if around.below_cascade {
        reader.report(
            Diagnostic::error(entry.key, "a map in a cascade has no `limits`")
                .label("several branches may get one request, which has one set of limits")
                .help("move `limits` to a map around the cascade, or to `[limits]`"),
        );
        return MapLimits::default();
    }
    let DeValue::Table(entries) = entry.value.get_ref() else {
        let help = "write `limits = { body_bytes = \"1GiB\" }`".to_owned();
        reader.mismatch(entry.value, "`limits` of a map", "a table", Some(help));
        return MapLimits::default();
    };
    let mut table = Table::new(entries, entry.value.span(), Kind::MapLimits);
    embedded::keys(reader, &table);
    let mut read = Limits::default();
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    of_requests(&mut keys, &mut read);
    let has = |key| table.peek(key).is_some();
    let limits = MapLimits {
        body_bytes: has("body_bytes").then_some(read.body_bytes),
        body_timeout: has("body_timeout").then_some(read.body_timeout),
        send_timeout: has("send_timeout").then_some(read.send_timeout),
        request_timeout: has("request_timeout").then_some(read.request_timeout),
    };
    table.finish(reader);
    limits
}

/// The limits that a map may have, too.
fn of_requests(keys: &mut Keys<'_, '_, '_>, limits: &mut Limits) {
    keys.bytes_or_off("body_bytes", 1..=1 << 40, &mut limits.body_bytes);
    keys.time_or_off("body_timeout", SHORTEST..=HOUR, &mut limits.body_timeout);
    keys.time_or_off("send_timeout", SHORTEST..=HOUR, &mut limits.send_timeout);
    keys.time_or_off(
        "request_timeout",
        SHORTEST..=24 * HOUR,
        &mut limits.request_timeout,
    );
}
