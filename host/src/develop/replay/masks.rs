//! What differs between two answers of the same code is volatile: a date, a random token. In texts it is masked, word by word.

use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

/// Stands in place of what is volatile.
const MASK: &str = "…";

/// How long one comparison may take; after that it is coarser.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// The texts `before` and `after`, both with a mask where `before` differs from `again`, another text of the same code.
pub(super) fn masked(before: &str, again: &str, after: &str) -> (String, String) {
    let (before, again, after) = (words(before), words(again), words(after));
    let volatile = Volatile::between(&before, &again);
    let (mut old, mut new) = (String::new(), String::new());
    for op in differences(&before, &after) {
        let (at, replaced, to) = (op.old_range().start, op.old_range(), op.new_range());
        match op {
            DiffOp::Equal { .. } => {
                for (word, is_volatile) in before[replaced.clone()]
                    .iter()
                    .zip(&volatile.words[replaced])
                {
                    let word = if *is_volatile { MASK } else { word };
                    old.push_str(word);
                    new.push_str(word);
                }
            }
            // There, the same code also says more or less.
            DiffOp::Insert { .. } if volatile.gaps[at] => {}
            _ if !replaced.is_empty()
                && volatile.words[replaced.clone()].iter().all(|one| *one) =>
            {
                old.push_str(MASK);
                if !to.is_empty() {
                    new.push_str(MASK);
                }
            }
            _ => {
                old.extend(before[replaced].iter().copied());
                new.extend(after[to].iter().copied());
            }
        }
    }
    (old, new)
}

/// What is volatile in a text.
struct Volatile {
    /// Whether each of its words is.
    words: Vec<bool>,
    /// Whether something may stand before each of its words, and at its end.
    gaps: Vec<bool>,
}

impl Volatile {
    fn between(text: &[&str], again: &[&str]) -> Self {
        let mut words = vec![false; text.len()];
        let mut gaps = vec![false; text.len() + 1];
        for op in differences(text, again) {
            match op {
                DiffOp::Equal { .. } => {}
                DiffOp::Insert { old_index, .. } => gaps[old_index] = true,
                DiffOp::Delete { .. } | DiffOp::Replace { .. } => words[op.old_range()].fill(true),
            }
        }
        Self { words, gaps }
    }
}

fn differences(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let deadline = Some(Instant::now() + PATIENCE);
    capture_diff_slices_deadline(Algorithm::Myers, old, new, deadline)
}

/// A text as words and what stands between them, one by one.
fn words(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match is_of_word(first) {
            true => rest.find(|char| !is_of_word(char)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        all.push(word);
        rest = after;
    }
    all
}

/// What random tokens consist of (base64, UUIDs, decimals) is one word: two of them have no part in common but by chance.
fn is_of_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-' | '+' | '/' | '.' | '%' | '~')
}

#[cfg(test)]
#[path = "masks_tests.rs"]
mod tests;
