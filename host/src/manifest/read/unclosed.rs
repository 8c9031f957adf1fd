//! An array or inline table that nobody closed.

use toml::de::{DeTable, DeValue};

use super::Node;
use super::syntax::line;
use crate::manifest::{Diagnostic, Span};

/// Where it was opened, and where the text begins to make no sense inside of it.
pub(super) struct Unclosed {
    pub(super) open: Span,
    bracket: char,
    first: Span,
}

impl Unclosed {
    /// The outermost one that the parser's errors speak of.
    ///
    /// The parser reports the end of the text, where it gave up; the mistake is at the beginning.
    pub(super) fn find(text: &str, tree: &DeTable<'_>, errors: &[(Span, &str)]) -> Option<Self> {
        let (gave_up, _) = errors.iter().find(|(_, message)| {
            message.starts_with("unclosed array") || message.starts_with("unclosed inline table")
        })?;
        let value = tree
            .values()
            .find_map(|value| around(value, gave_up.start))?;
        let start = value.span().start;
        let bracket = if value.get_ref().is_array() { ']' } else { '}' };
        let first = errors
            .iter()
            .map(|(span, _)| span)
            .find(|span| span.start > start)?;
        // Before the line that makes no sense, there is the place to close it.
        let same_line = line(text, first.start) == line(text, start);
        let first = if same_line {
            gave_up.clone()
        } else {
            first.clone()
        };
        Some(Self {
            open: start..start + 1,
            bracket,
            first,
        })
    }

    pub(super) fn tell(self) -> Diagnostic {
        let (what, bracket) = match self.bracket {
            ']' => ("a list", ']'),
            _ => ("a table", '}'),
        };
        Diagnostic::error(self.open, format!("{what} without its end"))
            .label("opened here")
            .also(
                self.first,
                format!("`{bracket}` is missing somewhere before"),
            )
            .help(format!("close it with `{bracket}`"))
    }
}

/// The outermost array or inline table below `value` that reaches up to `end`.
fn around<'t>(value: Node<'t>, end: usize) -> Option<Node<'t>> {
    let inside = |value| around(value, end);
    let span = value.span();
    let reaches = span.start < end && span.end + 2 >= end;
    match value.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) if reaches => Some(value),
        DeValue::Array(items) => items.iter().find_map(inside),
        DeValue::Table(table) => table.values().find_map(inside),
        _ => None,
    }
}
