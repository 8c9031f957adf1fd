//! Text that is no TOML: the parser's errors in our words.

use toml::de::{DeTable, DeValue, Error};

use crate::manifest::{Diagnostic, Span};

/// The parser's errors, one a line, and whether the tree beside them can be believed.
pub(super) fn diagnostics(
    text: &str,
    tree: &DeTable<'_>,
    errors: &[Error],
) -> (Vec<Diagnostic>, bool) {
    let mut errors: Vec<(Span, &str)> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message()))
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    // What follows the first error of a line is mostly its echo.
    errors.dedup_by_key(|(span, _)| line(text, span.start));
    // A misread value spoils itself alone; any other error may have moved headers and keys.
    let trustworthy = errors
        .iter()
        .all(|(_, message)| is_duplicate(message) || is_unquoted(message));
    let told = errors
        .into_iter()
        .map(|(span, message)| tell(text, tree, span, message));
    (told.collect(), trustworthy)
}

/// Both kinds of diagnostics; on a line with a syntax error nothing else is believed.
pub(super) fn merge(
    text: &str,
    mut syntax: Vec<Diagnostic>,
    others: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let lines: Vec<usize> = syntax
        .iter()
        .map(|error| line(text, error.span.start))
        .collect();
    let others = others.into_iter();
    syntax.extend(others.filter(|other| !lines.contains(&line(text, other.span.start))));
    syntax
}

fn is_duplicate(message: &str) -> bool {
    message == "duplicate key"
}

fn is_unquoted(message: &str) -> bool {
    message.starts_with("string values must be quoted")
}

fn tell(text: &str, tree: &DeTable<'_>, span: Span, message: &str) -> Diagnostic {
    let raw = text.get(span.clone()).unwrap_or_default();
    if is_duplicate(message) {
        return duplicate(text, tree, span);
    }
    if is_unquoted(message) && raw.is_empty() {
        return Diagnostic::error(span, "a key without a value")
            .label("the value is missing")
            .help("write one, or remove the key");
    }
    if is_unquoted(message) {
        return Diagnostic::error(span, "a string without quotes")
            .label("quotes are missing")
            .help(format!("write \"{raw}\""));
    }
    let (what, expected) = match message.split_once(", expected ") {
        Some((what, expected)) => (what, format!("expected {expected}")),
        None => (message, String::new()),
    };
    Diagnostic::error(span, format!("not valid TOML: {what}")).label(expected)
}

fn duplicate(text: &str, tree: &DeTable<'_>, span: Span) -> Diagnostic {
    let key = text.get(span.clone()).unwrap_or_default();
    let mut error =
        Diagnostic::error(span.clone(), format!("`{key}` is written twice")).label("again here");
    if let Some(first) = first_of(tree, key, span.start) {
        error = error.also(first, "first here");
    }
    let in_header = text
        .lines()
        .nth(line(text, span.start))
        .is_some_and(|l| l.trim_start().starts_with('['));
    error.help(match (key, in_header) {
        ("use", _) => "write all in one way: as `use = […]`, or each as `[[use]]`",
        ("run", _) => "a level has one `run`: remove one",
        ("map", true) => "write all in one way: each map as `[[map]]`",
        (_, true) => "join both tables under one header",
        _ => "remove one of them",
    })
}

/// The nearest key of that name before `end`.
fn first_of(table: &DeTable<'_>, key: &str, end: usize) -> Option<Span> {
    fn inside(value: &DeValue<'_>, key: &str, end: usize) -> Option<Span> {
        match value {
            DeValue::Table(table) => first_of(table, key, end),
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| inside(item.get_ref(), key, end))
                .next_back(),
            _ => None,
        }
    }
    let here = table
        .keys()
        .find(|name| name.get_ref() == key)
        .map(|name| name.span());
    let deeper = table
        .values()
        .filter_map(|value| inside(value.get_ref(), key, end));
    here.into_iter()
        .chain(deeper)
        .filter(|span| span.end <= end)
        .max_by_key(|span| span.start)
}

/// The number of the line that `at` is in, from 0.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
