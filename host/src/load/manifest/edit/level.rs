//! The levels of a manifest: the top, each map and each branch of a cascade.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Calls `visit` with the name and the table of this level and of each level below.
pub(super) fn each_level(
    table: &DeTable<'_>,
    name: &str,
    visit: &mut dyn FnMut(&str, &DeTable<'_>),
) {
    visit(name, table);
    for key in ["map", "cascade"] {
        for (index, item) in list(table, key).iter().enumerate() {
            let below = match name {
                "" => format!("{key}.{index}"),
                name => format!("{name}.{key}.{index}"),
            };
            if let DeValue::Table(level) = item.get_ref() {
                each_level(level, &below, visit);
            }
        }
    }
}

/// A level's label where a stack is shown.
pub(super) fn label(name: &str, table: &DeTable<'_>) -> String {
    let text = |key| table.get(key).and_then(|value| value.get_ref().as_str());
    let text = |key| text(key).unwrap_or_default();
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
pub(super) fn run(value: &Spanned<DeValue<'_>>) -> Option<String> {
    let plugin = match value.get_ref() {
        DeValue::Table(table) => table.get("plugin")?.get_ref().as_str(),
        value => value.as_str(),
    };
    plugin.map(str::to_owned)
}

/// The level of this name.
pub(super) fn level_at<'t, 'a>(table: &'t DeTable<'a>, name: &str) -> Option<&'t DeTable<'a>> {
    let mut level = table;
    let mut words = name.split('.').filter(|word| !word.is_empty());
    while let Some(key) = words.next() {
        let index: usize = words.next()?.parse().ok()?;
        level = match list(level, key).get(index)?.get_ref() {
            DeValue::Table(level) => level,
            _ => return None,
        };
    }
    Some(level)
}

fn list<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> Vec<&'t Spanned<DeValue<'a>>> {
    match table.get(key).map(Spanned::get_ref) {
        Some(DeValue::Array(items)) => items.iter().collect(),
        _ => Vec::new(),
    }
}
