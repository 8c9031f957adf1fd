//! Invalid TOML: the parser's errors, reworded.

use toml::de::{DeTable, Error};

use super::duplicate;
use super::unclosed::Unclosed;
use crate::load::manifest::{Diagnostic, Span};

/// The parser's errors, at most one per line, and whether its tree can still be trusted.
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
    let unclosed = Unclosed::find(text, tree, &errors);
    if let Some(unclosed) = &unclosed {
        // Everything after it was read as part of the unclosed value.
        errors.retain(|(span, _)| span.start < unclosed.open.start);
    }
    // Later errors on a line mostly follow from the first.
    errors.dedup_by_key(|(span, _)| line(text, span.start));
    // A misread value affects only itself; any other error may have moved headers and keys.
    let local = |message: &str| is_duplicate(message) || is_unquoted(message);
    let trustworthy = unclosed.is_none() && errors.iter().all(|(_, message)| local(message));

    let mut reported: Vec<Diagnostic> = Vec::new();
    for (span, message) in errors {
        if !is_duplicate(message) {
            reported.push(diagnostic(text, span, message));
        } else if !duplicate::follows_from_duplicate_header(text, &reported, &span) {
            reported.push(duplicate::diagnostic(text, tree, span));
        }
    }
    reported.extend(unclosed.map(Unclosed::into_diagnostic));
    (reported, trustworthy)
}

/// Merges both kinds of diagnostics. A line with a syntax error reports nothing else.
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

fn diagnostic(text: &str, span: Span, message: &str) -> Diagnostic {
    let raw = text.get(span.clone()).unwrap_or_default();
    if is_unquoted(message) && raw.is_empty() {
        return Diagnostic::error(span, "key without a value")
            .label("missing value")
            .help("add a value, or remove the key");
    }
    if is_unquoted(message) {
        return Diagnostic::error(span, "unquoted string")
            .label("missing quotes")
            .help(format!("write \"{raw}\""));
    }
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    if what.ends_with("basic string") || what.ends_with("literal string") {
        let quote = expected.trim_matches('`');
        return Diagnostic::error(span, "unterminated string")
            .label(format!("missing `{quote}`"))
            .help(format!("close it with `{quote}`"));
    }
    if what == "invalid unquoted key" && raw.starts_with(':') {
        return Diagnostic::error(span, "key followed by `:`")
            .label("expected `=`")
            .help("this is TOML: write `key = value`");
    }
    if what == "invalid unquoted key" {
        return Diagnostic::error(span, "invalid character in a key without quotes")
            .label("only letters, digits, `-` and `_` are allowed")
            .help("quote the whole key");
    }
    if what == "missing escaped value" {
        return Diagnostic::error(span, "unknown escape sequence")
            .label("cannot be escaped with `\\`")
            .help("write `\\\\` for a backslash, or put the string in single quotes");
    }
    if what == "key with no value" {
        return Diagnostic::error(span, "key without a value")
            .label("expected `=`")
            .help("write `key = value`");
    }
    let error = Diagnostic::error(span, format!("invalid TOML: {what}"));
    match expected {
        "" | "nothing" => error.label("not allowed here"),
        _ if expected.matches(", ").count() > 1 => {
            error.label(format!("expected one of {expected}"))
        }
        _ => error.label(format!("expected {}", expected.replace(", ", " or "))),
    }
}

/// The number of the line that `at` is in, from 0.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
