//! Edits of TOML as text: entries of arrays and headers move with their comments. Everything that is not
//! edited keeps its bytes: line endings, byte order mark, order of dotted keys.

mod array;
mod section;

use std::ops::Range;

pub(crate) use self::array::ArrayText;
pub(crate) use self::section::Sections;

/// The line ending of a text: that of its first line.
pub(crate) fn line_ending(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((first, _)) if first.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// `text` with `range` replaced.
pub(crate) fn replaced(text: &str, range: Range<usize>, with: &str) -> String {
    [&text[..range.start], with, &text[range.end..]].concat()
}

/// Where the first line starts: after the byte order mark.
fn text_start(text: &str) -> usize {
    let mark = '\u{feff}';
    if text.starts_with(mark) {
        mark.len_utf8()
    } else {
        0
    }
}

/// The start of the line that `at` is in.
pub(crate) fn line_start(text: &str, at: usize) -> usize {
    let newline = text[..at].rfind('\n');
    newline.map_or(text_start(text), |newline| newline + 1)
}

/// The end of the line that `at` is in, after its line break.
pub(crate) fn line_end(text: &str, at: usize) -> usize {
    text[at..]
        .find('\n')
        .map_or(text.len(), |newline| at + newline + 1)
}

/// Where the comment lines directly above the line that starts at `at` begin; not before `floor`.
pub(crate) fn attached_comments(text: &str, at: usize, floor: usize) -> usize {
    let mut start = at;
    while start > floor.max(text_start(text)) {
        let above = line_start(text, start - 1);
        if above < floor || !text[above..start].trim_start().starts_with('#') {
            break;
        }
        start = above;
    }
    start
}
