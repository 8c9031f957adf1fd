//! Text with groups of a regular expression.

use regex::{Captures, Regex};

/// Text with groups of a regular expression.
#[derive(Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Template {
    /// Parses `text`. Its groups must exist in `regex`.
    ///
    /// # Errors
    ///
    /// A message about the mistake.
    pub(crate) fn new(text: &str, regex: &Regex) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            pieces.push(Piece::Text(before.to_owned()));
            if let Some(after) = after.strip_prefix('$') {
                pieces.push(Piece::Text("$".to_owned()));
                rest = after;
                continue;
            }
            let (name, after) = match after.strip_prefix('{') {
                Some(inner) => inner.split_once('}').ok_or("`${` without `}`")?,
                None => after.split_at(name_length(after)),
            };
            pieces.push(Piece::Group(group(name, regex)?));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The text with each group encoded by `encode`.
    pub(crate) fn fill(&self, captures: &Captures<'_>, encode: impl Fn(&str) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Group(index) => captures
                .get(*index)
                .map_or_else(String::new, |group| encode(group.as_str())),
        };
        self.0.iter().map(piece).collect()
    }

    /// The text before the first group.
    pub(crate) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }
}

/// The length of `1` in `1x`, of `name` in `name-x`.
fn name_length(text: &str) -> usize {
    let numbered = text.starts_with(|c: char| c.is_ascii_digit());
    let part = |byte: &u8| match numbered {
        true => byte.is_ascii_digit(),
        false => byte.is_ascii_alphanumeric() || *byte == b'_',
    };
    text.bytes().take_while(part).count()
}

fn group(name: &str, regex: &Regex) -> Result<usize, String> {
    let index = match name.parse() {
        Ok(index) => Some(index),
        Err(_) => regex.capture_names().position(|found| found == Some(name)),
    };
    let index = index.filter(|index| *index < regex.captures_len() && !name.is_empty());
    index.ok_or_else(|| format!("`from` has no group `{name}`; write `$$` for a dollar sign"))
}
