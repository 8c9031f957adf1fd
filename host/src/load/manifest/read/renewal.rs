//! `[renewal]`.

use super::Reader;
use super::keys::Keys;
use super::server::section;
use super::table::Entry;
use crate::load::manifest::Renewal;

pub(super) fn renewal(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Renewal {
    let mut renewal = Renewal::default();
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "renewal")) else {
        return renewal;
    };
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    keys.count_or_off("generations", 1..=1_000_000, &mut renewal.generations);
    keys.bytes_or_off("memory", 1 << 20..=1 << 40, &mut renewal.memory);
    keys.count_or_off("threads", 1..=1_000_000, &mut renewal.threads);
    keys.count_or_off("descriptors", 1..=1_000_000, &mut renewal.descriptors);
    table.finish(reader);
    renewal
}
