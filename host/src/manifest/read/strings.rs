//! Lists of strings.

use toml::de::DeValue;

use super::table::Entry;
use super::{Node, Reader};
use crate::manifest::Span;

/// One string of a list, with its place.
pub(super) struct Item {
    pub(super) text: String,
    pub(super) span: Span,
}

/// The strings of the array at `entry`; a string alone is an error that says how to mend it.
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
        &format!("each of {what}"),
        &format!("a string, for it is a list of {of}"),
    )?;
    Some(Item {
        text,
        span: node.span(),
    })
}
