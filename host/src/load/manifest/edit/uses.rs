//! One list of `use` in a text: `use = ["a", …]`, or a `[[use]]` for each.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::Use;
use crate::load::toml_text::{ArrayText, Sections, line_end, line_start, replaced};

/// A list of `use`, and the text it is in.
pub(super) struct UsesText<'t, 'a> {
    pub(super) text: &'t str,
    pub(super) tree: &'t DeTable<'a>,
    pub(super) list: &'t DeArray<'a>,
    pub(super) span: Range<usize>,
}

impl UsesText<'_, '_> {
    /// The text with the entry at `from` moved to `to`.
    pub(super) fn moved(&self, from: usize, to: usize) -> Option<String> {
        let (moved, neighbour) = (self.list.get(from)?, self.list.get(to)?);
        if from == to {
            return Some(self.text.to_owned());
        }
        Some(match (self.header_of(moved), self.header_of(neighbour)) {
            (Some(table), Some(other)) => {
                let sections = Sections::new(self.text, self.tree);
                sections.moved(table, moved.span(), other, neighbour.span())
            }
            _ => {
                let values: Vec<_> = self.list.iter().map(Spanned::span).collect();
                ArrayText::new(self.text, self.span.clone(), &values).moved(from, to)
            }
        })
    }

    /// The text with the entry at `index` off, or on.
    pub(super) fn set_off(&self, index: usize, off: bool) -> Option<String> {
        let entry = self.list.get(index)?;
        let DeValue::Table(table) = entry.get_ref() else {
            let name = &self.text[entry.span()];
            let off = format!("{{ plugin = {name}, off = true }}");
            return Some(replaced(self.text, entry.span(), &off));
        };
        let written = table.get_key_value("off");
        Some(match (written, self.header_of(entry)) {
            (Some((_, value)), _) if off => replaced(self.text, value.span(), "true"),
            (None, _) if !off => self.text.to_owned(),
            (None, Some(table)) => {
                let key = table.keys().next()?.span().start;
                let sections = Sections::new(self.text, self.tree);
                sections.with_key(entry.span().start, key, "off = true")
            }
            (Some((key, value)), Some(_)) => self.without_line(key.span().start, value.span().end),
            (None, None) => {
                let last = table.values().map(|value| value.span().end).max()?;
                replaced(self.text, last..last, ", off = true")
            }
            (Some((key, value)), None) => {
                self.without_key(entry.span(), table, key.span(), value.span())
            }
        })
    }

    /// The table of an entry that is written as `[[use]]`.
    fn header_of<'e>(&self, entry: &'e Spanned<DeValue<'_>>) -> Option<&'e DeTable<'e>> {
        match entry.get_ref() {
            DeValue::Table(table) if self.text[entry.span()].starts_with('[') => Some(table),
            _ => None,
        }
    }

    /// Without a key of an inline table; the short form, if only the plugin is left.
    fn without_key(
        &self,
        entry: Range<usize>,
        table: &DeTable<'_>,
        key: Range<usize>,
        value: Range<usize>,
    ) -> String {
        let others = table.iter().filter(|(other, _)| other.span() != key);
        if let [(name, plugin)] = others.collect::<Vec<_>>().as_slice()
            && name.get_ref() == "plugin"
            && !self.text[entry.clone()].contains('#')
        {
            return replaced(self.text, entry, &self.text[plugin.span()]);
        }
        let before = table.values().map(|value| value.span().end);
        let removed = match before.filter(|end| *end <= key.start).max() {
            Some(before) => before..value.end,
            None => {
                let after = table.keys().map(|key| key.span().start);
                key.start
                    ..after
                        .filter(|start| *start > key.start)
                        .min()
                        .unwrap_or(value.end)
            }
        };
        replaced(self.text, removed, "")
    }

    /// Without the lines from `start` to `end`.
    fn without_line(&self, start: usize, end: usize) -> String {
        let mut lines = line_start(self.text, start)..line_end(self.text, end);
        if !self.text[lines.clone()].ends_with('\n') {
            let before = self.text[..lines.start].trim_end_matches(['\r', '\n']);
            lines.start = before.len();
        }
        replaced(self.text, lines, "")
    }
}

/// What an entry says.
pub(super) fn read(entry: &Spanned<DeValue<'_>>) -> Use {
    let (plugin, off) = match entry.get_ref() {
        DeValue::Table(table) => (
            table
                .get("plugin")
                .and_then(|plugin| plugin.get_ref().as_str()),
            table.get("off").and_then(|off| off.get_ref().as_bool()),
        ),
        value => (value.as_str(), None),
    };
    Use {
        plugin: plugin.unwrap_or_default().to_owned(),
        off: off.unwrap_or_default(),
    }
}
