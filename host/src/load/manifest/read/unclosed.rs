//! Unclosed arrays and inline tables.

use toml::de::{DeTable, DeValue};

use super::Node;
use super::syntax::line;
use crate::load::manifest::{Diagnostic, Span};

/// Where it was opened, and where the text inside stops making sense.
pub(super) struct Unclosed {
    pub(super) open: Span,
    bracket: char,
    first: Span,
}

impl Unclosed {
    /// The outermost unclosed value that the parser reports.
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
        // It should be closed before the first line that makes no sense.
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
            ']' => ("list", ']'),
            _ => ("table", '}'),
        };
        Diagnostic::error(self.open, format!("unclosed {what}"))
            .label("opened here")
            .also(self.first, format!("expected `{bracket}` before this"))
            .help(format!(
                "close it with `{bracket}`, and everything opened inside it"
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
    // At the end of the text, an inner closing bracket can look like its own.
    let unclosed = raw.starts_with(open) && (span.end + 2 >= end || !raw.ends_with(close));
    match value.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) if unclosed => Some(value),
        DeValue::Array(items) => items.iter().find_map(inside),
        DeValue::Table(table) => table.values().find_map(inside),
        _ => None,
    }
}
