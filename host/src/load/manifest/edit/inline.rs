//! `use = ["a", { plugin = "b" }]`.

use toml_edit::{Array, InlineTable, Value};

use super::Use;

pub(super) fn read(value: &Value) -> Use {
    let (plugin, off) = match value {
        Value::InlineTable(table) => (
            table.get("plugin").and_then(Value::as_str),
            table.get("off").and_then(Value::as_bool),
        ),
        value => (value.as_str(), None),
    };
    Use {
        plugin: plugin.unwrap_or_default().to_owned(),
        off: off.unwrap_or_default(),
    }
}

/// Leaves one out, or takes it in again.
pub(super) fn set_off(list: &mut Array, index: usize, off: bool) {
    let Some(value) = list.get_mut(index) else {
        return;
    };
    let decor = value.decor().clone();
    let mut changed = match &*value {
        Value::InlineTable(table) => table.clone(),
        name => InlineTable::from_iter([("plugin", name.clone().decorated("", ""))]),
    };
    match off {
        true => drop(changed.insert("off", true.into())),
        false => drop(changed.remove("off")),
    }
    let name = changed
        .get("plugin")
        .filter(|_| changed.len() == 1)
        .cloned();
    *value = match name {
        // As short as it was.
        Some(name) => name,
        None => {
            changed.fmt();
            Value::InlineTable(changed)
        }
    };
    *value.decor_mut() = decor;
}

/// One value with the comments that are its own.
struct Entry {
    value: Value,
    /// Comments on the lines above it, with its indentation; none if there is nothing but space.
    above: Option<String>,
    /// A comment behind it, on its line.
    behind: String,
}

/// Moves one to another place. Comments go with it; space and line breaks stay.
pub(super) fn move_entry(list: &mut Array, from: usize, to: usize) {
    let (mut entries, gaps, end) = split_entries(list);
    if from >= entries.len() || to >= entries.len() {
        return;
    }
    let moved = entries.remove(from);
    entries.insert(to, moved);
    let comma = list.trailing_comma();
    list.clear();
    let mut behind = String::new();
    for (mut entry, gap) in entries.into_iter().zip(gaps) {
        let above = entry.above.unwrap_or(gap);
        let prefix = std::mem::take(&mut behind) + &above;
        *entry.value.decor_mut() = toml_edit::Decor::new(prefix, "");
        list.push_formatted(entry.value);
        behind = entry.behind;
    }
    list.set_trailing(behind + &end);
    list.set_trailing_comma(comma);
}

/// The values with their comments, the space before each place, and that before the end.
fn split_entries(list: &Array) -> (Vec<Entry>, Vec<String>, String) {
    let text = |raw: Option<&toml_edit::RawString>| {
        raw.and_then(|raw| raw.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut gaps = Vec::new();
    let mut rest = String::new();
    for value in list {
        let prefix = std::mem::take(&mut rest) + &text(value.decor().prefix());
        let (behind, gap) = match entries.is_empty() {
            // What stands behind the bracket belongs to no value.
            true => (String::new(), prefix),
            false => split_behind(&prefix),
        };
        if let Some(last) = entries.last_mut() {
            last.behind = behind;
        }
        let comment = gap.contains('#').then(|| gap.clone());
        gaps.push(match &comment {
            // A place whose own lines go away keeps its indentation.
            Some(above) => last_indentation(above),
            None => gap,
        });
        rest = text(value.decor().suffix());
        entries.push(Entry {
            value: value.clone(),
            above: comment,
            behind: String::new(),
        });
    }
    let (behind, end) = split_behind(&(rest + &text(Some(list.trailing()))));
    if let Some(last) = entries.last_mut() {
        last.behind = behind;
    }
    (entries, gaps, end)
}

/// What is on the line before, and what comes after it.
fn split_behind(text: &str) -> (String, String) {
    match text.find('\n') {
        Some(at) if text[..at].contains('#') => (text[..at].to_owned(), text[at..].to_owned()),
        _ => (String::new(), text.to_owned()),
    }
}

/// The line break and the indentation of lines with comments.
fn last_indentation(above: &str) -> String {
    let last = above.rfind('\n').map_or("", |at| &above[at..]);
    last.to_owned()
}
