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

/// Turns an entry off or on.
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
        // Back to the short form.
        Some(name) => name,
        None => {
            changed.fmt();
            Value::InlineTable(changed)
        }
    };
    *value.decor_mut() = decor;
}

/// A value with its own comments.
struct Entry {
    value: Value,
    /// Comments on the lines above it, with its indentation. `None` if there is only whitespace.
    above: Option<String>,
    /// A comment after it, on the same line.
    behind: String,
}

/// Moves an entry. Its comments move with it; whitespace and line breaks stay.
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

/// The values with their comments, the whitespace before each position, and the text before the bracket that
/// closes the list.
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
            // Text after the opening bracket belongs to no value.
            true => (String::new(), prefix),
            false => split_behind(&prefix),
        };
        if let Some(last) = entries.last_mut() {
            last.behind = behind;
        }
        let comment = gap.contains('#').then(|| gap.clone());
        gaps.push(match &comment {
            // A position keeps its indentation when its comment moves away.
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

/// Splits off a comment on the line of the value before.
fn split_behind(text: &str) -> (String, String) {
    match text.find('\n') {
        Some(at) if text[..at].contains('#') => (text[..at].to_owned(), text[at..].to_owned()),
        _ => (String::new(), text.to_owned()),
    }
}

/// The last line break of `above`, with the indentation after it.
fn last_indentation(above: &str) -> String {
    let last = above.rfind('\n').map_or("", |at| &above[at..]);
    last.to_owned()
}
