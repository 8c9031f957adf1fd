//! URLs with passwords, wherever they are.

use log_text::in_query;

use super::super::Span;

/// Schemes whose URLs are hidden as a whole: a password in one may have any character.
const STORES: [&str; 2] = ["redis", "valkey"];

/// What stands before `@` in each URL of the text, and queries with secrets.
pub(super) fn hidden(text: &str) -> Vec<Span> {
    let starts = text.match_indices("://");
    starts
        .filter_map(|(at, separator)| {
            let scheme = scheme(&text[..at]);
            let start = at + separator.len();
            let quote = text[..at - scheme.len()].chars().next_back();
            let quote = quote.filter(|char| matches!(char, '"' | '\''));
            let ends = |char: char| char == '\n' || char == '\r' || Some(char) == quote;
            let rest = &text[start..];
            let rest = &rest[..rest.find(ends).unwrap_or(rest.len())];
            let store = STORES.iter().any(|store| scheme.contains(store));
            secret(rest, store).map(|secret| start + secret.start..start + secret.end)
        })
        .collect()
}

/// The letters before `://`.
fn scheme(before: &str) -> &str {
    let in_scheme = |char: char| char.is_ascii_alphanumeric() || "+-.".contains(char);
    let start = before.rfind(|char: char| !in_scheme(char));
    let start = start.map_or(0, |at| {
        at + before[at..].chars().next().map_or(0, char::len_utf8)
    });
    &before[start..]
}

fn secret(rest: &str, store: bool) -> Option<Span> {
    if store {
        return Some(0..rest.len());
    }
    let query = rest.find('?').unwrap_or(rest.len());
    if in_query(rest[query..].trim_start_matches('?')) != rest[query..].trim_start_matches('?') {
        return Some(0..rest.len());
    }
    rest.rfind('@').map(|at| 0..at)
}
