//! The levels of a manifest: the top, each map and each branch of a cascade.

use toml_edit::{Item, TableLike, Value};

/// Calls `visit` with the name and the table of this level and of each level below.
pub(super) fn each_level(
    table: &mut dyn TableLike,
    name: &str,
    visit: &mut dyn FnMut(&str, &mut dyn TableLike),
) {
    visit(name, table);
    for key in ["map", "cascade"] {
        let count = table.get_mut(key).map_or(0, |list| count(list));
        for index in 0..count {
            let below = match name {
                "" => format!("{key}.{index}"),
                name => format!("{name}.{key}.{index}"),
            };
            if let Some(level) = step(table, key, index) {
                each_level(level, &below, visit);
            }
        }
    }
}

/// A level's label where a stack is shown.
pub(super) fn label(name: &str, table: &dyn TableLike) -> String {
    let text = |key| table.get(key).and_then(Item::as_str).unwrap_or_default();
    match name.rsplit('.').nth(1) {
        Some("map") => {
            let (host, path) = (text("host"), text("path").trim_end_matches('/'));
            let path = if path.is_empty() { "/" } else { path };
            format!("map {}{path}", host.to_ascii_lowercase())
        }
        Some(key) => key.to_owned(),
        None => String::new(),
    }
}

/// The plugin of a `run`.
pub(super) fn run(item: &Item) -> Option<String> {
    let plugin = match item.as_table_like() {
        Some(table) => table.get("plugin").and_then(Item::as_str),
        None => item.as_str(),
    };
    plugin.map(str::to_owned)
}

/// The level of this name.
pub(super) fn level_at<'t>(
    table: &'t mut dyn TableLike,
    name: &str,
) -> Option<&'t mut dyn TableLike> {
    let mut level = table;
    let mut words = name.split('.').filter(|word| !word.is_empty());
    while let Some(key) = words.next() {
        let index = words.next()?.parse().ok()?;
        level = step(level, key, index)?;
    }
    Some(level)
}

fn count(list: &Item) -> usize {
    match list {
        Item::ArrayOfTables(list) => list.len(),
        list => list.as_array().map_or(0, toml_edit::Array::len),
    }
}

fn step<'t>(
    table: &'t mut dyn TableLike,
    key: &str,
    index: usize,
) -> Option<&'t mut dyn TableLike> {
    match table.get_mut(key)? {
        Item::ArrayOfTables(list) => Some(list.get_mut(index)?),
        list => match list.as_array_mut()?.get_mut(index)? {
            Value::InlineTable(table) => Some(table),
            _ => None,
        },
    }
}
