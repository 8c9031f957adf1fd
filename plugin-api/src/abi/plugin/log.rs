//! Writes to the host's log.

use super::{HOST, host};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{Field, LogRecord};

/// Whose records of a level and target the host logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogInterest {
    Never,
    /// Some handlers'.
    Sometimes,
    Always,
}

/// The most verbose level that the host logs: 0 none, 1 error … 5 trace.
pub(crate) fn max_level() -> u8 {
    // SAFETY: an attached host's function.
    unsafe { host().log_level()() }
}

/// Whose records of this level and target the host logs, until it says that this has changed.
pub(crate) fn interest(level: u8, target: &str) -> LogInterest {
    let interest = host().log_interest().map(|log_interest| {
        // SAFETY: an attached host's function; the text is lent for the call.
        unsafe { log_interest(level, RawSlice::text(target)) }
    });
    match interest {
        Some(0) => LogInterest::Never,
        Some(1) => LogInterest::Sometimes,
        // An older host has one level for all.
        None if level > max_level() => LogInterest::Never,
        _ => LogInterest::Always,
    }
}

/// Whether the host logs such a record of the handler that runs here.
pub(crate) fn wants(level: u8, target: &str) -> bool {
    match host().log_wants() {
        Some(log_wants) => {
            let plugin = RawSlice::text(super::entry::plugin_name());
            // SAFETY: an attached host's function; the texts are lent for the call.
            unsafe { log_wants(level, RawSlice::text(target), plugin) }
        }
        None => level <= max_level(),
    }
}

/// Writes a line.
pub(crate) fn write(level: u8, target: &str, message: &str, fields: &[(&str, String)]) {
    let fields: Vec<Field<'_>> = fields
        .iter()
        .map(|(name, value)| Field {
            name: RawSlice::text(name),
            value: RawSlice::text(value),
        })
        .collect();
    let record = LogRecord {
        level,
        plugin: RawSlice::text(super::entry::plugin_name()),
        target: RawSlice::text(target),
        message: RawSlice::text(message),
        fields: fields.as_ptr(),
        field_count: fields.len(),
    };
    // SAFETY: an attached host's function; the record lives for the call.
    unsafe { host().log()(&record) }
}

/// Logs an error that cannot be returned.
pub(super) fn report(message: &str) {
    if HOST.get().is_some() {
        write(1, "stackup", message, &[]);
    }
}
