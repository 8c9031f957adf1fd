//! Typed values of the sections: flags, durations, sizes and counts, each with its range.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::Reader;
use super::table::{Entry, Table};
use crate::load::manifest::{Diagnostic, duration, size};

pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// The keys of a section. Each method reads one into `place`, or reports an error.
pub(super) struct Keys<'k, 'r, 't> {
    pub(super) reader: &'k mut Reader<'r>,
    pub(super) table: &'k mut Table<'t>,
}

impl Keys<'_, '_, '_> {
    pub(super) fn flag(&mut self, key: &'static str, place: &mut bool) {
        let Some(entry) = self.table.take(key) else {
            return;
        };
        match entry.value.get_ref() {
            DeValue::Boolean(flag) => *place = *flag,
            _ => {
                let (what, help) = (format!("`{key}`"), format!("write `{key} = {}`", !*place));
                self.reader
                    .mismatch(entry.value, &what, "true or false", Some(help));
            }
        }
    }

    pub(super) fn time(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        place: &mut Duration,
    ) {
        let never_off = ("this time must be finite", duration::show(*range.end()));
        self.bounded(key, never_off, place, |keys, entry| {
            keys.duration(key, entry, range, false)
        });
    }

    pub(super) fn time_or_off(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        place: &mut Option<Duration>,
    ) {
        self.or_off(key, place, |keys, entry| {
            keys.duration(key, entry, range, true)
        });
    }

    pub(super) fn bytes(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        place: &mut usize,
    ) {
        let never_off = ("memory must be bounded", size::show(*range.end()));
        self.bounded(key, never_off, place, |keys, entry| {
            let bytes = keys.size(key, entry, range, false)?;
            Some(usize::try_from(bytes).unwrap_or(usize::MAX))
        });
    }

    /// As [`bytes`](Self::bytes), for sizes beyond what a process can address.
    pub(super) fn exact_bytes(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        place: &mut u64,
    ) {
        let never_off = ("memory must be bounded", size::show(*range.end()));
        self.bounded(key, never_off, place, |keys, entry| {
            keys.size(key, entry, range, false)
        });
    }

    pub(super) fn bytes_or_off(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        place: &mut Option<u64>,
    ) {
        self.or_off(key, place, |keys, entry| keys.size(key, entry, range, true));
    }

    pub(super) fn count<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        place: &mut T,
    ) {
        if let Some(entry) = self.table.take(key)
            && let Some(count) = self.number(key, &entry, range, false)
        {
            *place = count;
        }
    }

    pub(super) fn count_or_off<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        place: &mut Option<T>,
    ) {
        self.or_off(key, place, |keys, entry| {
            keys.number(key, entry, range, true)
        });
    }

    fn or_off<T>(
        &mut self,
        key: &'static str,
        place: &mut Option<T>,
        read: impl FnOnce(&mut Self, &Entry<'_>) -> Option<T>,
    ) {
        let Some(entry) = self.table.take(key) else {
            return;
        };
        if self.is_off(&entry) {
            *place = None;
        } else if let Some(value) = read(self, &entry) {
            *place = Some(value);
        }
    }

    /// Reads a value that is never off. `never_off` is the reason, and the largest value.
    fn bounded<T>(
        &mut self,
        key: &'static str,
        (why, most): (&str, String),
        place: &mut T,
        read: impl FnOnce(&mut Self, &Entry<'_>) -> Option<T>,
    ) {
        let Some(entry) = self.table.take(key) else {
            return;
        };
        if self.is_off(&entry) {
            let message = format!("`{key}` cannot be \"off\"");
            self.reader.report(
                Diagnostic::error(entry.value.span(), message)
                    .label(why)
                    .help(format!("write at most \"{most}\"")),
            );
        } else if let Some(value) = read(self, &entry) {
            *place = value;
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
            let help = format!("add a unit: \"{}s\"", integer.as_str());
            self.reader
                .mismatch(entry.value, &what, expected, Some(help));
            return None;
        }
        let text = self.reader.string(entry.value, &what, expected)?;
        let Some(time) = duration::parse(&text) else {
            self.reader.report(
                Diagnostic::error(entry.value.span(), format!("{what} must be {expected}"))
                    .label(format!("`{text}` is not a duration"))
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

    fn number<T: TryFrom<u64>>(
        &mut self,
        key: &str,
        entry: &Entry<'_>,
        range: RangeInclusive<u64>,
        off: bool,
    ) -> Option<T> {
        let DeValue::Integer(integer) = entry.value.get_ref() else {
            let or = if off { " or \"off\"" } else { "" };
            let expected = format!("a number from {} to {}{or}", range.start(), range.end());
            let what = format!("`{key}`");
            self.reader.mismatch(entry.value, &what, &expected, None);
            return None;
        };
        // A number that overflows is out of any range.
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            let (least, most) = (range.start().to_string(), range.end().to_string());
            self.out_of_range(key, entry, &least, &most, off);
        }
        number
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
            // A number that overflows is out of any range.
            u64::from_str_radix(integer.as_str(), integer.radix()).ok()
        } else {
            let text = self.reader.string(entry.value, &what, expected)?;
            let Some(bytes) = size::parse(&text) else {
                self.reader.report(
                    Diagnostic::error(entry.value.span(), format!("{what} must be {expected}"))
                        .label(format!("`{text}` is not a size"))
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
            error = error.help("write \"off\" for no limit");
        }
        self.reader.report(error);
    }
}
