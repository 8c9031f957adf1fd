//! `[metrics]`.

use super::Reader;
use super::keys::Keys;
use super::server::section;
use super::table::Entry;
use crate::load::manifest::Metrics;

/// None without the table, which is off.
pub(super) fn metrics(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Option<Metrics> {
    let mut table = section(reader, entry?, "metrics")?;
    let mut metrics = Metrics::default();
    let mut keys = Keys {
        reader,
        table: &mut table,
    };
    keys.flag("layers", &mut metrics.layers);
    table.finish(reader);
    Some(metrics)
}
