//! An array or inline table that nobody closed.

use toml::de::{DeTable, DeValue};

use super::Node;
use super::syntax::line;
use crate::load::manifest::{Diagnostic, Span};

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
            .find_map(|value| around(text, value, gave_up.start))?;
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

    pub(super) fn into_diagnostic(self) -> Diagnostic {
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
            .help(format!(
                "close it with `{bracket}`, and all that is opened inside of it"
            ))
    }
}

/// The outermost array or inline table at or below `value` that is not closed before `end`.
fn around<'t>(text: &str, value: Node<'t>, end: usize) -> Option<Node<'t>> {
    let inside = |value| around(text, value, end);
    let span = value.span();
    let raw = text.get(span.clone()).unwrap_or_default();
    let (open, close) = match value.get_ref() {
        DeValue::Array(_) => ('[', ']'),
        _ => ('{', '}'),
    };
    // Up to its end, an inner bracket may stand last, just as if it were its own.
    let unclosed = raw.starts_with(open) && (span.end + 2 >= end || !raw.ends_with(close));
    match value.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) if unclosed => Some(value),
        DeValue::Array(items) => items.iter().find_map(inside),
        DeValue::Table(table) => table.values().find_map(inside),
        _ => None,
    }
}
