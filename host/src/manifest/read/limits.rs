//! `[limits]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::Reader;
use super::listen::section;
use super::table::{Entry, Table};
use crate::manifest::{Diagnostic, Limits, duration, size};

const HOUR: Duration = Duration::from_secs(3600);
const SHORTEST: Duration = Duration::from_millis(1);

pub(super) fn limits(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "limits")) else {
        return limits;
    };
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    // 8 KiB is the least buffer that hyper works with.
    keys.bytes("header_bytes", 8 << 10..=16 << 20, &mut limits.header_bytes);
    keys.count("header_count", 1..=10_000, &mut limits.header_count);
    keys.time_or_off(
        "header_timeout",
        SHORTEST..=HOUR,
        &mut limits.header_timeout,
    );
    keys.bytes_or_off("body_bytes", 1..=1 << 40, &mut limits.body_bytes);
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
    table.finish(reader);
    limits
}

/// The keys of `[limits]`: each method reads one into its place, or complains.
struct Keys<'k, 'r, 't> {
    reader: &'k mut Reader<'r>,
    table: &'k mut Table<'t>,
}

impl Keys<'_, '_, '_> {
    fn time(&mut self, key: &'static str, range: RangeInclusive<Duration>, place: &mut Duration) {
        let Some(entry) = self.table.take(key) else {
            return;
        };
        if self.is_off(&entry) {
            let message = format!("`{key}` cannot be \"off\"");
            self.reader.report(
                Diagnostic::error(entry.value.span(), message)
                    .label("this wait must have an end")
                    .help(format!("at most \"{}\"", duration::show(*range.end()))),
            );
        } else if let Some(time) = self.duration(key, &entry, range, false) {
            *place = time;
        }
    }

    fn time_or_off(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        place: &mut Option<Duration>,
    ) {
        let Some(entry) = self.table.take(key) else {
            return;
        };
        if self.is_off(&entry) {
            *place = None;
        } else if let Some(time) = self.duration(key, &entry, range, true) {
            *place = Some(time);
        }
    }

    fn bytes(&mut self, key: &'static str, range: RangeInclusive<u64>, place: &mut usize) {
        let Some(entry) = self.table.take(key) else {
            return;
        };
        if self.is_off(&entry) {
            let message = format!("`{key}` cannot be \"off\"");
            self.reader.report(
                Diagnostic::error(entry.value.span(), message)
                    .label("memory must have a bound")
                    .help(format!("at most \"{}\"", size::show(*range.end()))),
            );
        } else if let Some(bytes) = self.size(key, &entry, range, false) {
            *place = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
    }

    fn bytes_or_off(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        place: &mut Option<u64>,
    ) {
        let Some(entry) = self.table.take(key) else {
            return;
        };
        if self.is_off(&entry) {
            *place = None;
        } else if let Some(bytes) = self.size(key, &entry, range, true) {
            *place = Some(bytes);
        }
    }

    fn count(&mut self, key: &'static str, range: RangeInclusive<u64>, place: &mut usize) {
        let Some(entry) = self.table.take(key) else {
            return;
        };
        let count = match entry.value.get_ref() {
            DeValue::Integer(integer) => u64::from_str_radix(integer.as_str(), integer.radix()),
            _ => {
                let expected = format!("a number from {} to {}", range.start(), range.end());
                self.reader
                    .mismatch(entry.value, &format!("`{key}`"), &expected, None);
                return;
            }
        };
        match count.ok().filter(|count| range.contains(count)) {
            Some(count) => *place = usize::try_from(count).unwrap_or(usize::MAX),
            None => {
                let (least, most) = (range.start().to_string(), range.end().to_string());
                self.out_of_range(key, &entry, &least, &most, false);
            }
        }
    }

    fn is_off(&self, entry: &Entry<'_>) -> bool {
        entry.value.get_ref().as_str() == Some("off")
    }

    fn duration(
        &mut self,
        key: &str,
        entry: &Entry<'_>,
        range: RangeInclusive<Duration>,
        off: bool,
    ) -> Option<Duration> {
        let expected = if off {
            "a duration or \"off\""
        } else {
            "a duration"
        };
        let what = format!("`{key}`");
        if let DeValue::Integer(integer) = entry.value.get_ref() {
            let help = format!("say the unit: \"{}s\"", integer.as_str());
            self.reader
                .mismatch(entry.value, &what, expected, Some(help));
            return None;
        }
        let text = self.reader.string(entry.value, &what, expected)?;
        let Some(time) = duration::parse(&text) else {
            self.reader.report(
                Diagnostic::error(entry.value.span(), format!("{what} must be {expected}"))
                    .label(format!("`{text}` is none"))
                    .help("write a whole number and `ms`, `s`, `m` or `h`: \"500ms\", \"30s\""),
            );
            return None;
        };
        if !range.contains(&time) {
            let (least, most) = (duration::show(*range.start()), duration::show(*range.end()));
            self.out_of_range(key, entry, &least, &most, off);
            return None;
        }
        Some(time)
    }

    fn size(
        &mut self,
        key: &str,
        entry: &Entry<'_>,
        range: RangeInclusive<u64>,
        off: bool,
    ) -> Option<u64> {
        let expected = if off { "a size or \"off\"" } else { "a size" };
        let what = format!("`{key}`");
        let bytes = if let DeValue::Integer(integer) = entry.value.get_ref() {
            // What does not fit is out of every range.
            u64::from_str_radix(integer.as_str(), integer.radix()).ok()
        } else {
            let text = self.reader.string(entry.value, &what, expected)?;
            let Some(bytes) = size::parse(&text) else {
                self.reader.report(
                    Diagnostic::error(entry.value.span(), format!("{what} must be {expected}"))
                        .label(format!("`{text}` is none"))
                        .help("write a number of bytes, or a whole number and its unit: 65536, \"64KiB\", \"10MiB\", \"10MB\", \"1GiB\""),
                );
                return None;
            };
            Some(bytes)
        };
        let bytes = bytes.filter(|bytes| range.contains(bytes));
        if bytes.is_none() {
            let (least, most) = (size::show(*range.start()), size::show(*range.end()));
            self.out_of_range(key, entry, &least, &most, off);
        }
        bytes
    }

    fn out_of_range(&mut self, key: &str, entry: &Entry<'_>, least: &str, most: &str, off: bool) {
        let mut error = Diagnostic::error(entry.value.span(), format!("`{key}` is out of range"))
            .label(format!("allowed: {least} to {most}"));
        if off {
            error = error.help("for no limit write \"off\"");
        }
        self.reader.report(error);
    }
}
