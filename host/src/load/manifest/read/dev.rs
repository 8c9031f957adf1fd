//! `[dev]`.

use super::Reader;
use super::keys::Keys;
use super::server::section;
use super::table::Entry;
use crate::load::manifest::Dev;

pub(super) fn dev(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Dev {
    let mut dev = Dev::default();
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "dev")) else {
        return dev;
    };
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    keys.flag("overlay", &mut dev.overlay);
    keys.flag("inspector", &mut dev.inspector);
    keys.flag("lint", &mut dev.lint);
    keys.flag("replay", &mut dev.replay);
    table.finish(reader);
    dev
}
