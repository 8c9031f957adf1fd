//! Bodies that differ: as lines if both are text, as bytes otherwise.

use log_text::{HIDDEN, in_text, is_secret, printable};
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use super::answer::{Content, End};
use super::masks::{PATIENCE, masked};

/// How two bodies differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum BodyChange {
    /// In these numbers of lines.
    Lines {
        /// Lines that only the old body has.
        removed: usize,
        /// Lines that only the new body has.
        added: usize,
        /// The unified diff, without secrets; volatile words are masked.
        #[serde(skip)]
        diff: String,
    },
    /// In these numbers of bytes, which are no text.
    Bytes {
        /// Those of the old body.
        before: usize,
        /// Those of the new body.
        after: usize,
    },
    /// The new body does not end well.
    End {
        /// How it ends.
        how: String,
    },
}

/// The longest diff that is kept, in bytes, and its longest line, in characters.
const MOST: usize = 32 << 10;
const LONGEST_LINE: usize = 500;

/// How an old and a new body differ, if they do. `again` is a second body of the old code.
pub(super) fn body_change(
    before: &Content,
    again: Option<&Content>,
    after: &Content,
) -> Option<BodyChange> {
    if let Some(how) = after.broken()
        && before.broken().is_none()
    {
        return Some(BodyChange::End { how });
    }
    if before.bytes == after.bytes || again.is_some_and(|again| again.bytes == after.bytes) {
        return None;
    }
    let (Some(old), Some(new)) = (text(before), text(after)) else {
        let is_volatile = again.is_some_and(|again| again.bytes != before.bytes);
        return (!is_volatile).then_some(BodyChange::Bytes {
            before: before.bytes.len(),
            after: after.bytes.len(),
        });
    };
    let (old, new) = match again.and_then(text) {
        Some(again) if again != old => masked(old, again, new),
        _ => (old.to_owned(), new.to_owned()),
    };
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(&old, &new);
    let count = |tag| {
        diff.iter_all_changes()
            .filter(|change| change.tag() == tag)
            .count()
    };
    let (removed, added) = (count(ChangeTag::Delete), count(ChangeTag::Insert));
    if removed + added == 0 {
        return None;
    }
    let shown = diff.unified_diff().missing_newline_hint(false).to_string();
    Some(BodyChange::Lines {
        removed,
        added,
        diff: lines_without_secrets(&shown),
    })
}

/// A body as text. Where it was cut, so may be its last character.
fn text(content: &Content) -> Option<&str> {
    let text = match std::str::from_utf8(&content.bytes) {
        Ok(text) => text,
        Err(error) if content.end != End::Whole && error.error_len().is_none() => {
            std::str::from_utf8(&content.bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

fn lines_without_secrets(diff: &str) -> String {
    let mut shown = String::new();
    for line in diff.lines() {
        if shown.len() > MOST {
            shown.push_str("…\n");
            break;
        }
        shown.push_str(&printable(&shortened(&without_secrets(line))));
        shown.push('\n');
    }
    shown
}

/// A line without the secrets of URLs in it, and without the value of what its beginning names as a secret: `password: …`.
fn without_secrets(line: &str) -> String {
    if let Some(at) = line.find([':', '=']) {
        let (name, value) = (&line[..at], &line[at + 1..]);
        let name_alone = name
            .trim_start_matches(['+', '-', ' '])
            .trim_matches(['"', '\'', ' ', '\t']);
        let is_name = !name_alone.contains(char::is_whitespace);
        if is_name && is_secret(name_alone) && !value.trim().is_empty() {
            return format!("{name}{}{HIDDEN}", &line[at..=at]);
        }
    }
    in_text(line).into_owned()
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
