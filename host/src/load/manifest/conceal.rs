//! The manifest's text as diagnostics quote it: without what configs may keep secret.
//!
//! Which values are secret is known only once a library is loaded, and a line may have several. So a quoted line shows
//! no string of a config but the one that the message is about, and that one only if its key is not on the list of names.

use std::ops::Range;

use log_text::is_secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Diagnostic, Span};

/// The tables that have others' configs in them.
const LEVELS: [&str; 4] = ["use", "run", "map", "cascade"];

/// The keys of `[store]` that are no secrets.
const PLAIN_STORE_KEYS: [&str; 5] = ["engine", "memory", "path", "timeout", "prefix"];

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
        concealer.named_lines();
    }
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

impl Concealer<'_> {
    /// Looks for configs in the rest of the manifest.
    fn outside(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("config", DeValue::Table(config)) => self.table(config, false),
                ("store", DeValue::Table(store)) => {
                    // A URL may have a password, also where its key is misspelt.
                    let plain = |key: &str| PLAIN_STORE_KEYS.contains(&key);
                    let others = store.iter().filter(|(key, _)| !plain(key.get_ref()));
                    others.for_each(|(_, value)| self.value(value, true));
                }
                (key, DeValue::Table(table)) => match self.broken && !LEVELS.contains(&key) {
                    true => self.table(table, false),
                    false => self.outside(table),
                },
                (_, DeValue::Array(items)) => {
                    for item in items {
                        if let DeValue::Table(table) = item.get_ref() {
                            self.outside(table);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Hides the rest of each line after a key on the list of names, wherever it is.
    fn named_lines(&mut self) {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let secret = line.match_indices('=').find(|(at, _)| {
                let key = line[..*at].trim_end().trim_end_matches(['"', '\'']);
                let name = key.rsplit(|c: char| !(c.is_alphanumeric() || "-_".contains(c)));
                name.into_iter().next().is_some_and(is_secret)
            });
            if let Some((at, _)) = secret {
                self.hide(start + at + 1..start + line.len());
            }
            start += line.len();
        }
    }

    fn table(&mut self, table: &DeTable<'_>, secret: bool) {
        for (key, value) in table {
            self.value(value, secret || is_secret(key.get_ref()));
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, secret: bool) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, secret),
            DeValue::Array(items) => items.iter().for_each(|item| self.value(item, secret)),
            DeValue::String(_) => self.string(value.span(), secret),
            _ if secret => self.hidden.push(value.span()),
            _ => {}
        }
    }

    fn string(&mut self, span: Span, secret: bool) {
        let about = |place: &Span| span.start <= place.start && place.end <= span.end;
        let also = self.diagnostic.also.iter().map(|(place, _)| place);
        let mut places = [&self.diagnostic.span].into_iter().chain(also);
        let shown = places.find(|place| about(place)).cloned();
        let shown = shown.filter(|_| !secret && !self.diagnostic.secret);
        let inner = self.inner(&span);
        // In a text that is not TOML, a header or a key may look like a value.
        if inner.start == span.start && !secret {
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
mod tests {
    use super::*;

    fn quoted(text: &str, about: &str) -> String {
        let start = text.find(about).unwrap();
        conceal(text, &Diagnostic::error(start..start + about.len(), "x"))
    }

    #[test]
    fn strings_of_a_config_are_hidden_unless_the_message_is_about_them() {
        let text = "use = [{ plugin = \"a\", config = { plain = { al = \"canary\" }, realm = 'R', n = 1 } }]";
        let hidden = "use = [{ plugin = \"a\", config = { plain = { al = \"******\" }, realm = '*', n = 1 } }]";
        assert_eq!(quoted(text, "\"a\""), hidden);
        let realm = hidden.replace("'*'", "'R'");
        assert_eq!(quoted(text, "'R'"), realm);
        let plain = hidden.replace("******", "canary");
        assert_eq!(quoted(text, "\"canary\""), plain, "only its schema knows");
        let start = text.find("\"canary\"").unwrap();
        let mut marked = Diagnostic::error(start..start + 8, "x");
        marked.secret = true;
        assert_eq!(conceal(text, &marked), hidden);
    }

    #[test]
    fn named_secret_is_hidden_also_where_the_message_is_about_it() {
        let text =
            "[run]\nplugin = \"x\"\n[run.config]\npassword = \"can\u{e9}ry\"\npin_token = 4711\n";
        let hidden = text
            .replace("can\u{e9}ry", "***\u{b7}**")
            .replace("4711", "****");
        for about in ["\"can\u{e9}ry\"", "4711", "password", "plugin"] {
            assert_eq!(quoted(text, about), hidden, "{about}");
        }
    }

    #[test]
    fn url_of_the_store_is_hidden() {
        let text = "[store]\nengine = \"redis\"\nurl = \"redis://:pw@h${P}\"\n";
        let hidden = text.replace("redis://:pw@h", "*************");
        assert_eq!(quoted(text, "\"redis\""), hidden);
        assert_eq!(quoted(text, "\"redis://:pw@h${P}\""), hidden);
        let misspelt = text.replace("url", "ulr");
        assert!(!quoted(&misspelt, "ulr").contains("pw"));
        let broken = "[store]\nurl = \"redis://:canary@h\"\nx =";
        assert!(!quoted(broken, "x =").contains("canary"));
    }

    #[test]
    fn variables_stay_visible() {
        let text = "run = { plugin = \"x\", config = { secret = \"a${KEY}b$${c}\" } }";
        let hidden = text.replace("a${", "*${").replace("b$${c}", "******");
        assert_eq!(quoted(text, "${KEY}"), hidden);
    }

    #[test]
    fn broken_manifest_hides_what_can_be_read() {
        for text in [
            "run = { plugin = \"x\", config = { password = \"canary\" ",
            "run = { plugin = \"x\", config = { password = \"canary\", relm = } }",
            "[run.config]\npassword = \"canary",
            "[run.config]\npassword = \"canary\" x",
            "[run.config\npassword = \"canary\"",
            "[[use]]\nplugin = \"x\"\nconfig = { plain = { a = \"canary\" }\n",
            "[[use]\nplugin = \"x\"\nconfig = { password = \"canary\" }\n",
            "use = [{ plugin = \"x\", config = { password = 'canary' } }",
        ] {
            let end = text.len();
            let shown = conceal(text, &Diagnostic::error(end..end, "x"));
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}
