//! What to hide in a text that is not TOML. There the parser's tree has values at the wrong keys, or not at all, so this goes by
//! the header and the keys before a value, and rather hides too much.

use super::super::Span;
use super::keys::{PLAIN_STORE_KEYS, Policy, policy};

const LONG_QUOTES: [&str; 2] = ["\"\"\"", "'''"];

/// The places of values that may be secret: each to the end of its line, and further if it goes on.
pub(super) fn hidden(text: &str) -> Vec<Span> {
    let mut lines = Lines {
        table: Policy::Plain,
        config: 0,
        shown: true,
        long_string: false,
    };
    let mut hidden = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(from) = lines.hides(line) {
            let from = line.len() - line[from..].trim_start().len();
            hidden.push(start + from..start + line.trim_end().len().max(from));
        }
        start += line.len();
    }
    hidden
}

struct Lines {
    /// The policy of the table that the last header names.
    table: Policy,
    /// How many brackets of a `config` are open.
    config: isize,
    /// Whether the last value is shown: it may go on.
    shown: bool,
    /// Whether a hidden string may be one of several lines: then nobody knows where it ends, and all values are hidden.
    long_string: bool,
}

impl Lines {
    /// From where on the line is hidden.
    fn hides(&mut self, line: &str) -> Option<usize> {
        if let Some(table) = header(line) {
            self.table = table;
            self.config = 0;
            self.shown = true;
            // It may be a list in a list.
            return line.find(['"', '\'']);
        }
        let value = line.find('=').filter(|_| begins_with_key(line));
        // It may be a string that ends in `=`.
        let quoted = line.trim_start().starts_with(['"', '\'']);
        let from = if self.config > 0 || self.long_string {
            self.config_goes_on(line);
            Some(value.filter(|_| !quoted).map_or(0, |at| at + 1))
        } else if !self.shown && (value.is_none() || quoted) {
            Some(0)
        } else if let Some(at) = lone_key(line) {
            self.shown = false;
            Some(at)
        } else {
            self.first_hidden_value(line)
        };
        let rest = &line[from?..];
        self.long_string |= LONG_QUOTES.into_iter().any(|quote| rest.contains(quote));
        from
    }

    fn first_hidden_value(&mut self, line: &str) -> Option<usize> {
        for (at, _) in line.match_indices('=') {
            let policy = self.key(&line[..at]);
            self.shown = policy == Policy::Plain;
            if policy == Policy::Config {
                self.config_goes_on(&line[at..]);
            }
            if policy != Policy::Plain {
                return Some(at + 1);
            }
        }
        None
    }

    fn config_goes_on(&mut self, text: &str) {
        self.config = (self.config + open_brackets(text)).max(0);
    }

    /// The policy of the key that ends here, with that of its table.
    fn key(&self, before: &str) -> Policy {
        let key = before.trim_end().trim_end_matches(['"', '\'']);
        let key = key.rsplit(|char| !is_name(char)).next().unwrap_or_default();
        match (self.table, dotted(key)) {
            (Policy::Plain, _) if before.trim().is_empty() => Policy::Plain,
            (Policy::Plain, policy) => policy,
            (Policy::Store, _) if PLAIN_STORE_KEYS.contains(&key) => Policy::Plain,
            (table, _) => table,
        }
    }
}

/// The policy of the table that a line begins: that of its first name that is not plain. None if it is no header.
fn header(line: &str) -> Option<Policy> {
    let names = line.trim().strip_prefix('[')?.trim_start_matches('[');
    let names = &names[..names.find([']', '#']).unwrap_or(names.len())];
    let in_name = |char: char| is_name(char) || " \t\"'".contains(char);
    let is_header = !names.trim().is_empty() && names.chars().all(in_name);
    is_header.then(|| dotted(names))
}

fn begins_with_key(line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    let key = key
        .trim_start_matches(['[', '{', ' ', '\t', ','])
        .trim_end();
    let key = key.trim_matches(['"', '\'']);
    // Not the end of a string in Base64.
    let has_value = !value.starts_with('=') && !value.trim().is_empty();
    has_value && !key.is_empty() && key.chars().all(is_name)
}

/// Where a key ends that is not plain, and that something other than `=` follows: `url: …`.
fn lone_key(line: &str) -> Option<usize> {
    let start = line.find(|char: char| !char.is_whitespace())?;
    let word = &line[start..];
    let word = &word[..word.find(|char| !is_name(char)).unwrap_or(word.len())];
    let end = start + word.len();
    let next = line[end..].trim_start().chars().next()?;
    let is_key = !word.is_empty() && !"=,]}#".contains(next);
    (is_key && dotted(word) != Policy::Plain).then_some(end)
}

fn dotted(names: &str) -> Policy {
    let mut policies = names
        .split('.')
        .map(|name| policy(name.trim().trim_matches(['"', '\''])));
    let own = policies.find(|policy| *policy != Policy::Plain);
    match (own, policies.next()) {
        (Some(Policy::Store), Some(_)) => Policy::Secret,
        (own, _) => own.unwrap_or(Policy::Plain),
    }
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || "-_.".contains(char)
}

fn open_brackets(text: &str) -> isize {
    text.chars().fold(0, |open, char| match char {
        '{' | '[' => open + 1,
        '}' | ']' => open - 1,
        _ => open,
    })
}
