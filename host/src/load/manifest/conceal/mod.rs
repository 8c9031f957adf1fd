//! The manifest's text as diagnostics quote it: without what may be secret.
//!
//! Which values of a config are secret is known only once a library is loaded, and a line may have several. So a quoted line
//! shows no string of a config but the one that the message is about, and that one only if its key is not on the list of
//! names. It shows no string of a key that the manifest does not know: that may be a config, or a URL with a password, in the
//! wrong place or misspelt. And it shows no password of any URL.

mod keys;
mod lines;
mod urls;

use std::ops::Range;

use log_text::is_secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::keys::{PLAIN_STORE_KEYS, Policy, policy};
use super::{Diagnostic, Span};

/// `text` with such strings replaced by `*`, of the same length: places in it stay valid.
pub(super) fn conceal(text: &str, diagnostic: &Diagnostic) -> String {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut concealer = Concealer {
        text,
        diagnostic,
        broken: !errors.is_empty(),
        hidden: Vec::new(),
    };
    concealer.outside(tree.get_ref());
    if concealer.broken {
        let places = lines::hidden(text);
        places.into_iter().for_each(|place| concealer.hide(place));
    }
    let places = urls::hidden(text);
    places.into_iter().for_each(|place| concealer.hide(place));
    let mut hidden = vec![false; text.len()];
    for place in concealer.hidden {
        if let Some(place) = hidden.get_mut(place) {
            place.fill(true);
        }
    }
    let shown = text.char_indices().map(|(at, char)| match char {
        '\n' | '\r' => char,
        _ if hidden[at] => star(char.len_utf8()),
        char => char,
    });
    shown.collect()
}

/// A mark of this many bytes: columns, which count characters, stay valid, too.
fn star(bytes: usize) -> char {
    match bytes {
        1 => '*',
        2 => '\u{b7}',
        3 => '\u{2022}',
        _ => '\u{1f784}',
    }
}

struct Concealer<'a> {
    text: &'a str,
    diagnostic: &'a Diagnostic,
    /// Whether the text is not TOML: a config may have lost its header.
    broken: bool,
    hidden: Vec<Span>,
}

/// Which strings of a value to hide.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hide {
    /// All but the one that the message is about.
    Others,
    /// All.
    Strings,
    /// All, and numbers.
    Everything,
}

impl Concealer<'_> {
    /// Goes through tables of the manifest.
    fn outside(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match (policy(key.get_ref()), value.get_ref()) {
                (Policy::Plain, _) => self.tables(value, &mut Self::outside),
                (Policy::Levels, _) => {}
                (Policy::KeyFile, DeValue::String(text)) if !text.contains("-----BEGIN") => {}
                (Policy::Config, DeValue::Table(_)) => self.value(value, Hide::Others),
                (Policy::Store, DeValue::Table(_)) => self.tables(value, &mut Self::store),
                (Policy::Store, DeValue::Array(items))
                    if items.iter().all(|item| item.get_ref().is_table()) =>
                {
                    self.tables(value, &mut Self::store);
                }
                (Policy::Unknown, _) => self.value(value, Hide::Strings),
                // Also a config or a store that is a string.
                _ => self.value(value, Hide::Everything),
            }
        }
    }

    fn store(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let plain = PLAIN_STORE_KEYS.contains(&key.get_ref().as_ref());
            if !plain || value.get_ref().is_table() || value.get_ref().is_array() {
                self.value(value, Hide::Everything);
            }
        }
    }

    /// Does `each` with a table, or with each of a list.
    fn tables(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        each: &mut dyn FnMut(&mut Self, &DeTable<'_>),
    ) {
        match value.get_ref() {
            DeValue::Table(table) => each(self, table),
            DeValue::Array(items) => {
                for item in items {
                    self.tables(item, each);
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, hide: Hide) {
        match value.get_ref() {
            DeValue::Table(table) => {
                for (key, value) in table {
                    let named = is_secret(key.get_ref());
                    self.value(value, if named { Hide::Everything } else { hide });
                }
            }
            DeValue::Array(items) => items.iter().for_each(|item| self.value(item, hide)),
            DeValue::String(_) => self.string(value.span(), hide),
            _ if hide == Hide::Everything => self.hidden.push(value.span()),
            _ => {}
        }
    }

    fn string(&mut self, span: Span, hide: Hide) {
        let about = |place: &Span| span.start <= place.start && place.end <= span.end;
        let also = self.diagnostic.also.iter().map(|(place, _)| place);
        let mut places = [&self.diagnostic.span].into_iter().chain(also);
        let shown = places.find(|place| about(place)).cloned();
        let shown = shown.filter(|_| hide == Hide::Others && !self.diagnostic.secret);
        let inner = self.inner(&span);
        // In a text that is not TOML, a header or a key may look like a value.
        if inner.start == span.start && hide != Hide::Everything {
            return;
        }
        match shown {
            Some(place) => {
                self.hide(inner.start..place.start.clamp(inner.start, inner.end));
                self.hide(place.end.clamp(inner.start, inner.end)..inner.end);
            }
            None => self.hide(inner),
        }
    }

    /// A string without its quotes.
    fn inner(&self, span: &Span) -> Span {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let quotes = ["\"\"\"", "'''", "\"", "'"];
        let quote = quotes.into_iter().find(|quote| text.starts_with(quote));
        let length = quote.map_or(0, str::len);
        let end = match quote.is_some_and(|quote| text.len() >= 2 * length && text.ends_with(quote))
        {
            true => span.end - length,
            false => span.end,
        };
        span.start + length..end
    }

    /// Hides a part of the text, except for `${VAR}` in it.
    fn hide(&mut self, place: Span) {
        let text = self.text.get(place.clone()).unwrap_or_default();
        let mut from = 0;
        for reference in references(text) {
            self.hidden
                .push(place.start + from..place.start + reference.start);
            from = reference.end;
        }
        self.hidden.push(place.start + from..place.end);
    }
}

/// Where `text` has `${VAR}`.
fn references(text: &str) -> Vec<Range<usize>> {
    let starts = text.match_indices("${").filter_map(|(at, _)| {
        let name = &text[at + 2..];
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let escaped = text[..at].ends_with('$');
        (name[end..].starts_with('}') && end > 0 && !escaped).then_some(at..at + 2 + end + 1)
    });
    starts.collect()
}

#[cfg(test)]
mod tests;
