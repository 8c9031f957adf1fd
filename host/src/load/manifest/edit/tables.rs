//! `[[use]]`.

use toml_edit::{ArrayOfTables, Item, Table, Value, value};

use super::Use;

pub(super) fn read(table: &Table) -> Use {
    Use {
        plugin: table
            .get("plugin")
            .and_then(Item::as_str)
            .unwrap_or_default()
            .to_owned(),
        off: table.get("off").and_then(Item::as_bool).unwrap_or_default(),
    }
}

/// Turns an entry off or on.
pub(super) fn set_off(list: &mut ArrayOfTables, index: usize, off: bool) {
    let Some(table) = list.get_mut(index) else {
        return;
    };
    match off {
        true => drop(table.insert("off", value(Value::from(true)))),
        false => drop(table.remove("off")),
    }
}

/// The distance between the positions of two headers, after [`space_out`]. No `use` has that many headers
/// below it.
const SPACING: isize = 1 << 20;

/// Spaces out the positions of a document's headers, to make room for a move.
pub(super) fn space_out(table: &mut Table) {
    if let Some(place) = table.position() {
        table.set_position(Some(place.saturating_mul(SPACING)));
    }
    each_below(table, &mut space_out);
}

/// Moves an entry, with its comments and everything below its header. The document must be spaced out
/// ([`space_out`]).
pub(super) fn move_entry(list: &mut ArrayOfTables, from: usize, to: usize) {
    if from >= list.len() || to >= list.len() {
        return;
    }
    let mut tables: Vec<Table> = list.iter().cloned().collect();
    let mut moved = tables.remove(from);
    // Next to the entry that it passes. All others keep their position.
    let neighbour = if from < to { to - 1 } else { to };
    let Some(neighbour) = tables.get_mut(neighbour) else {
        return;
    };
    let mut passed = Vec::new();
    positions_below(neighbour, &mut passed);
    let place = match from < to {
        true => passed.iter().max().map(|last| last + 1),
        false => passed.iter().min().map(|first| first - SPACING / 2),
    };
    let mut before = Vec::new();
    positions_below(&mut moved, &mut before);
    before.sort_unstable();
    relocate(&mut moved, &before, place.unwrap_or_default());
    tables.insert(to, moved);
    list.clear();
    tables.into_iter().for_each(|table| list.push(table));
}

fn positions_below(table: &mut Table, places: &mut Vec<isize>) {
    places.extend(table.position());
    each_below(table, &mut |below| positions_below(below, places));
}

/// Moves a header, and those below it, to `place`. They keep the order that they had `before`.
fn relocate(table: &mut Table, before: &[isize], place: isize) {
    if let Some(own) = table.position() {
        let rank = before.partition_point(|other| *other < own);
        table.set_position(Some(place.saturating_add_unsigned(rank)));
    }
    each_below(table, &mut |below| relocate(below, before, place));
}

fn each_below(table: &mut Table, visit: &mut dyn FnMut(&mut Table)) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => visit(table),
            Item::ArrayOfTables(list) => list.iter_mut().for_each(&mut *visit),
            Item::None | Item::Value(_) => {}
        }
    }
}
