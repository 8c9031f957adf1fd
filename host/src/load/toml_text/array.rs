//! Arrays: an entry moves, or a new one comes last.

use std::ops::Range;

use super::{attached_comments, line_ending, line_start, replaced};

/// An array in a text.
///
/// An entry owns the comment behind it, on its line, and the comment lines directly above it. A comment on the
/// line of the opening bracket, or one with a blank line below it, belongs to the array.
pub(crate) struct ArrayText<'t> {
    text: &'t str,
    /// The array, brackets included.
    span: Range<usize>,
    entries: Vec<Entry<'t>>,
    /// Between the last entry and the closing bracket.
    end: &'t str,
    trailing_comma: bool,
}

#[derive(Clone, Copy)]
struct Entry<'t> {
    /// Stays when the entry moves: whitespace, comments that are not its own.
    gap: &'t str,
    /// Its comment lines, each with its line break.
    above: &'t str,
    /// Stays: the whitespace before the value, on its line.
    indent: &'t str,
    value: &'t str,
    /// The comment behind it, with the whitespace before.
    behind: &'t str,
}

impl<'t> ArrayText<'t> {
    /// The array at `span`, whose values are at `values`.
    pub(crate) fn new(text: &'t str, span: Range<usize>, values: &[Range<usize>]) -> Self {
        let mut array = Self {
            text,
            entries: Vec::new(),
            end: "",
            trailing_comma: false,
            span,
        };
        let mut at = array.span.start + 1;
        for value in values {
            let gap_start = array.end_entry(at, value.start);
            // The line of the bracket is the array's, and so is what is on a line with the entry before.
            let floor = match text[gap_start..value.start].find('\n') {
                Some(newline) => gap_start + newline + 1,
                None => value.start,
            };
            let line = line_start(text, value.start).max(gap_start);
            let above = match floor <= line {
                true => attached_comments(text, line, floor),
                false => line,
            };
            array.entries.push(Entry {
                gap: &text[gap_start..above],
                above: &text[above..line],
                indent: &text[line..value.start],
                value: &text[value.clone()],
                behind: "",
            });
            at = value.end;
        }
        let close = array.span.end.saturating_sub(1).max(at);
        array.trailing_comma = comma(&text[at..close]).is_some();
        let end = array.end_entry(at, close);
        array.end = &text[end..close];
        array
    }

    /// Gives the last entry the comment behind it, in the text up to the next one, and returns where the rest begins.
    fn end_entry(&mut self, at: usize, next: usize) -> usize {
        let Some(last) = self.entries.last_mut() else {
            return at;
        };
        let between = &self.text[at..next];
        let start = comma(between).map_or(0, |comma| comma + 1);
        // A comment before the comma is behind the value, too.
        if between[..start].contains('#') {
            last.behind = between[..start - 1].trim_end();
            return at + start;
        }
        let rest = &between[start..];
        let line = rest.find('\n').map_or(rest, |newline| &rest[..newline]);
        let line = line.trim_end_matches('\r');
        if line.contains('#') {
            last.behind = line;
            return at + start + line.len();
        }
        at + start
    }

    /// The text with the entry at `from` moved to `to`.
    pub(crate) fn moved(&self, from: usize, to: usize) -> String {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        if from < order.len() && to < order.len() {
            let moved = order.remove(from);
            order.insert(to, moved);
        }
        let places = self.entries.iter().zip(&order);
        let entries = places.map(|(place, index)| Entry {
            gap: place.gap,
            indent: place.indent,
            ..self.entries[*index]
        });
        self.with(entries.collect())
    }

    /// The text with a value added at the end, on a line of its own if the last one has one.
    pub(crate) fn pushed(&self, value: &str) -> String {
        let line_ending = line_ending(self.text);
        let Some(last) = self.entries.last() else {
            let inside = match self.end.contains('#') {
                true => {
                    let comments = self.end.trim_end();
                    format!("[{comments}{line_ending}  {value},{line_ending}]")
                }
                false => format!("[{value}]"),
            };
            return replaced(self.text, self.span.clone(), &inside);
        };
        let on_its_line = last.gap.contains('\n');
        let mut entries = self.entries.clone();
        entries.push(Entry {
            gap: if on_its_line { line_ending } else { "" },
            above: "",
            indent: if on_its_line { last.indent } else { " " },
            value,
            behind: "",
        });
        self.with(entries)
    }

    fn with(&self, entries: Vec<Entry<'_>>) -> String {
        let line_ending = line_ending(self.text);
        let mut inside = String::new();
        let mut after_comment = false;
        let count = entries.len();
        for (index, entry) in entries.into_iter().enumerate() {
            let ends_line = entry.gap.starts_with(['\r', '\n']);
            if after_comment && !ends_line {
                inside.push_str(line_ending);
            }
            inside.push_str(entry.gap);
            if !entry.above.is_empty() && !inside.ends_with('\n') {
                inside.push_str(line_ending);
            }
            inside.push_str(entry.above);
            inside.push_str(entry.indent);
            inside.push_str(entry.value);
            if index + 1 < count || self.trailing_comma {
                inside.push(',');
            }
            inside.push_str(entry.behind);
            after_comment = !entry.behind.is_empty();
        }
        if after_comment && !self.end.starts_with(['\r', '\n']) {
            inside.push_str(line_ending);
        }
        inside.push_str(self.end);
        replaced(self.text, self.span.clone(), &format!("[{inside}]"))
    }
}

/// The place of the comma in the text between two values, which has comments and whitespace besides.
fn comma(between: &str) -> Option<usize> {
    let mut in_comment = false;
    between.bytes().position(|byte| {
        match byte {
            b'#' => in_comment = true,
            b'\n' => in_comment = false,
            _ => {}
        }
        byte == b',' && !in_comment
    })
}
