//! Lists of strings, and keys that accept one of two words.

use toml::de::DeValue;

use super::table::Entry;
use super::{Node, Reader};
use crate::load::manifest::words::nearest;
use crate::load::manifest::{Diagnostic, Span};

/// One string of a list, with its place.
pub(super) struct Item {
    pub(super) text: String,
    pub(super) span: Span,
}

/// The value that the word at `entry` stands for, one of two. `note` explains both.
pub(super) fn either<T>(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    what: &str,
    words: [(&str, T); 2],
    note: &str,
) -> Option<T> {
    let names = words.each_ref().map(|(name, _)| *name);
    let expected = format!("\"{}\" or \"{}\"", names[0], names[1]);
    let text = reader.string(entry.value, what, &expected)?;
    let found = words.into_iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let mut error = Diagnostic::error(entry.value.span(), format!("{what} must be {expected}"))
            .label(format!("`{text}` is neither"))
            .note(note);
        error.help = nearest(&text, names).map(|meant| format!("did you mean \"{meant}\"?"));
        reader.report(error);
    }
    found.map(|(_, meaning)| meaning)
}

/// The strings of the array at `entry`. A bare string is an error, with the fix.
pub(super) fn list(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    what: &str,
    of: &str,
) -> Option<Vec<Item>> {
    let expected = format!("a list of {of}");
    match entry.value.get_ref() {
        DeValue::Array(items) => Some(
            items
                .iter()
                .filter_map(|i| item(reader, i, what, of))
                .collect(),
        ),
        DeValue::String(_) => {
            let raw = reader.text.get(entry.value.span()).unwrap_or_default();
            let help = format!("write `{} = [{raw}]`", what.trim_matches('`'));
            reader.mismatch(entry.value, what, &expected, Some(help));
            None
        }
        _ => {
            reader.mismatch(entry.value, what, &expected, None);
            None
        }
    }
}

/// The strings of the array at `entry`, or the one string.
pub(super) fn one_or_list(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    what: &str,
    of: &str,
) -> Option<Vec<Item>> {
    match entry.value.get_ref() {
        DeValue::String(_) => Some(item(reader, entry.value, what, of).into_iter().collect()),
        DeValue::Array(_) => list(reader, entry, what, of),
        _ => {
            reader.mismatch(
                entry.value,
                what,
                &format!("a string or a list of {of}"),
                None,
            );
            None
        }
    }
}

fn item(reader: &mut Reader<'_>, node: Node<'_>, what: &str, of: &str) -> Option<Item> {
    let text = reader.string(
        node,
        &format!("each entry of {what}"),
        &format!("a string ({what} is a list of {of})"),
    )?;
    Some(Item {
        text,
        span: node.span(),
    })
}
