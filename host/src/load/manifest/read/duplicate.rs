//! A key or a header that is written twice.

use toml::de::{DeTable, DeValue};

use super::syntax::line;
use crate::load::manifest::{Diagnostic, Span};

/// The error at the second one.
pub(super) fn diagnostic(text: &str, tree: &DeTable<'_>, span: Span) -> Diagnostic {
    let key = text.get(span.clone()).unwrap_or_default();
    let header = header_at(text, span.start);
    let mut error = Diagnostic::error(span.clone(), format!("`{key}` is defined twice"))
        .label("defined again here");
    let first = first_header(text, header, span.start)
        .or_else(|| first_line(text, key, header, span.start))
        .or_else(|| first_key(tree, key, span.start));
    if let Some(first) = first {
        error = error.also(first, "first defined here");
    }
    error.help(match (key, header) {
        ("use", _) => "use one form for all: `use = […]`, or `[[use]]` for each",
        ("run", None) => {
            "a level has one `run`: remove one; the top level's `run` goes above the first `[table]`"
        }
        ("run", Some(_)) => "a level has one `run`: remove one",
        ("map", Some(_)) => "use one form for all: `[[map]]` for each",
        (_, Some(_)) => "merge both tables under one header",
        _ => "remove one of them",
    })
}

/// Whether `span` is below a header that was already reported: its keys are merged into the first table,
/// so they are duplicates too.
pub(super) fn follows_from_duplicate_header(
    text: &str,
    reported: &[Diagnostic],
    span: &Span,
) -> bool {
    let Some(last) = reported.last() else {
        return false;
    };
    let at = |at| line(text, at);
    header_at(text, last.span.start).is_some()
        && header_at(text, span.start).is_none()
        && !text
            .lines()
            .take(at(span.start))
            .skip(at(last.span.start) + 1)
            .any(|line| line.trim_start().starts_with('['))
}

/// The header on the line of `at`, without its brackets.
fn header_at(text: &str, at: usize) -> Option<&str> {
    header(text.lines().nth(line(text, at))?)
}

fn header(line: &str) -> Option<&str> {
    let inside = line.trim_start().strip_prefix('[')?.trim_start_matches('[');
    Some(inside[..inside.find(']')?].trim())
}

/// The earlier line with the same header, in single or double brackets.
fn first_header(text: &str, header_: Option<&str>, end: usize) -> Option<Span> {
    let header_ = header_?;
    lines(text)
        .take_while(|(at, line)| at + line.len() < end)
        .find(|(_, line)| header(line) == Some(header_))
        .map(|(at, line)| trimmed(at, line))
}

/// The earlier line of the top level which begins with the one key of the header.
fn first_line(text: &str, key: &str, header_: Option<&str>, end: usize) -> Option<Span> {
    header_.filter(|header| *header == key)?;
    let is_key = |line: &str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    lines(text)
        .take_while(|(at, line)| at + line.len() < end && header(line).is_none())
        .find(|(_, line)| is_key(line))
        .map(|(at, line)| trimmed(at, line).start)
        .map(|start| start..start + key.len())
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    })
}

fn trimmed(at: usize, line: &str) -> Span {
    let start = at + line.len() - line.trim_start().len();
    let end = line
        .find(']')
        .map_or(line.trim_end().len(), |_| line.rfind(']').unwrap_or(0) + 1);
    start..(at + end).max(start)
}

/// The last key of that name before `end`.
fn first_key(table: &DeTable<'_>, key: &str, end: usize) -> Option<Span> {
    fn inside(value: &DeValue<'_>, key: &str, end: usize) -> Option<Span> {
        match value {
            DeValue::Table(table) => first_key(table, key, end),
            DeValue::Array(items) => {
                let mut found = items
                    .iter()
                    .filter_map(|item| inside(item.get_ref(), key, end));
                found.next_back()
            }
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
