//! Writes to the host's log.

use super::{HOST, host};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{Field, LogRecord};

/// Whether the host logs this level: 1 error … 5 trace.
pub(crate) fn wants(level: u8) -> bool {
    // SAFETY: an attached host's function.
    level <= unsafe { host().log_level()() }
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
