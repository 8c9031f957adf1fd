//! `[store]`.

use super::Reader;
use super::keys::Keys;
use super::server::section;
use super::table::Entry;
use crate::load::manifest::Store;

pub(super) fn store(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Store {
    let mut store = Store::default();
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "store")) else {
        return store;
    };
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    keys.exact_bytes("memory", 1 << 20..=1 << 40, &mut store.memory);
    table.finish(reader);
    store
}
