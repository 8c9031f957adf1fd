//! Headers: one moves with everything below it, or gets a key or loses one.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{attached_comments, line_end, line_ending, line_start, replaced, text_start};

/// The sections of a text: each header with its keys.
pub(crate) struct Sections<'t> {
    text: &'t str,
    sections: Vec<Section>,
}

struct Section {
    header: usize,
    /// The comment lines directly above the header, up to those directly below the last key.
    block: Range<usize>,
    /// The end of the last key's line.
    keys_end: usize,
}

impl<'t> Sections<'t> {
    /// The sections of `text`, which was parsed into `tree`.
    pub(crate) fn new(text: &'t str, tree: &DeTable<'_>) -> Self {
        let mut places = Places::default();
        places.add(text, tree);
        places.headers.sort_unstable_by_key(|header| header.start);
        places.headers.dedup();
        places.value_ends.sort_unstable();
        let last_value = |start: usize, end: usize| {
            let before = places.value_ends.partition_point(|value| *value <= end);
            let last = places.value_ends[..before].last().copied();
            last.filter(|value| *value > start)
        };
        let first = places
            .headers
            .first()
            .map_or(text.len(), |first| first.start);
        let mut floor = match last_value(0, first) {
            Some(value) => line_end(text, value),
            None => text_start(text),
        };
        let mut sections: Vec<Section> = Vec::new();
        for (index, header) in places.headers.iter().enumerate() {
            let next = places
                .headers
                .get(index + 1)
                .map_or(text.len(), |next| next.start);
            let last = last_value(header.end, next).unwrap_or(header.end);
            let keys_end = line_end(text, last);
            let start = line_start(text, header.start);
            let start = attached_comments(text, start, floor);
            sections.push(Section {
                header: header.start,
                block: start..keys_end,
                keys_end,
            });
            floor = keys_end;
        }
        let ends = sections.iter().skip(1).map(|next| next.block.start);
        let ends: Vec<usize> = ends.chain([text.len()]).collect();
        for (section, end) in sections.iter_mut().zip(ends) {
            while section.block.end < end
                && text[section.block.end..]
                    .trim_start_matches([' ', '\t'])
                    .starts_with('#')
            {
                section.block.end = line_end(text, section.block.end);
            }
        }
        Self { text, sections }
    }

    /// The text with the table `moved`, and everything below it, directly before or after the table `neighbour`.
    pub(crate) fn moved(
        &self,
        moved: &DeTable<'_>,
        moved_header: Range<usize>,
        neighbour: &DeTable<'_>,
        neighbour_header: Range<usize>,
    ) -> String {
        let runs = self.runs(moved, moved_header.clone());
        let target = self.runs(neighbour, neighbour_header.clone());
        let up = moved_header.start > neighbour_header.start;
        let (mut block, mut gap) = (String::new(), "");
        let mut removed = Vec::new();
        for run in &runs {
            let before = self.blank_before(run.start);
            let (range, blank) = match run.start == text_start(self.text) {
                true => {
                    let end = self.blank_after(run.end);
                    (run.start..end, &self.text[run.end..end])
                }
                false => (before..run.end, &self.text[before..run.start]),
            };
            if block.is_empty() {
                gap = blank;
            } else {
                block.push_str(blank);
            }
            block.push_str(&self.text[run.clone()]);
            if !block.ends_with('\n') {
                block.push_str(line_ending(self.text));
            }
            removed.push(range);
        }
        let at = match up {
            true => target.first().map(|run| run.start),
            false => target.last().map(|run| run.end),
        };
        let Some(at) = at else {
            return self.text.to_owned();
        };
        let inserted = match up {
            true => block + gap,
            false if self.text[..at].ends_with('\n') => gap.to_owned() + &block,
            false => [line_ending(self.text), gap, &block].concat(),
        };
        let mut text = String::with_capacity(self.text.len() + 2);
        let mut done = 0;
        let mut edits: Vec<(Range<usize>, &str)> =
            removed.into_iter().map(|range| (range, "")).collect();
        edits.push((at..at, &inserted));
        edits.sort_by_key(|(range, _)| range.start);
        for (range, with) in edits {
            text.push_str(&self.text[done..range.start.max(done)]);
            text.push_str(with);
            done = done.max(range.end);
        }
        text.push_str(&self.text[done..]);
        if !self.text.ends_with('\n') {
            let end = text.trim_end_matches(['\r', '\n']).len();
            text.truncate(end);
        }
        text
    }

    /// The text with `line` as the last key of the table at `header`, indented as `like`, a key of it.
    pub(crate) fn with_key(&self, header: usize, like: usize, line: &str) -> String {
        let Some(section) = self
            .sections
            .iter()
            .find(|section| section.header == header)
        else {
            return self.text.to_owned();
        };
        let indent = &self.text[line_start(self.text, like)..like];
        let line_ending = line_ending(self.text);
        let at = section.keys_end;
        let line = match self.text[..at].ends_with('\n') {
            true => [indent, line, line_ending].concat(),
            false => [line_ending, indent, line].concat(),
        };
        replaced(self.text, at..at, &line)
    }

    /// The blocks of a table and of all below it. Those that stand side by side are one, with what is between.
    fn runs(&self, table: &DeTable<'_>, header: Range<usize>) -> Vec<Range<usize>> {
        let mut places = Places::default();
        places.headers.push(header);
        places.add(self.text, table);
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut adjoins = false;
        for section in &self.sections {
            let is_own = places.headers.iter().any(|own| own.start == section.header);
            match runs.last_mut() {
                Some(run) if is_own && adjoins => run.end = section.block.end,
                _ if is_own => runs.push(section.block.clone()),
                _ => {}
            }
            adjoins = is_own;
        }
        runs
    }

    /// The start of the blank lines before `at`.
    fn blank_before(&self, at: usize) -> usize {
        let mut start = at;
        while start > text_start(self.text) {
            let above = line_start(self.text, start - 1);
            if !self.text[above..start].trim().is_empty() {
                break;
            }
            start = above;
        }
        start
    }

    /// The end of the blank lines after `at`.
    fn blank_after(&self, at: usize) -> usize {
        let mut end = at;
        while end < self.text.len() {
            let below = line_end(self.text, end);
            if !self.text[end..below].trim().is_empty() {
                break;
            }
            end = below;
        }
        end
    }
}

/// Where the headers of a tree are, and the ends of its values.
#[derive(Default)]
struct Places {
    headers: Vec<Range<usize>>,
    value_ends: Vec<usize>,
}

impl Places {
    fn add(&mut self, text: &str, table: &DeTable<'_>) {
        for value in table.values() {
            let items = match value.get_ref() {
                DeValue::Array(items) => items.iter().collect(),
                _ => vec![value],
            };
            // An array of tables has no place of its own.
            let mut is_inline = true;
            for item in items {
                let DeValue::Table(below) = item.get_ref() else {
                    continue;
                };
                match text[item.span().start..].chars().next() {
                    Some('[') => {
                        self.headers.push(item.span());
                        is_inline = false;
                    }
                    Some('{') => continue,
                    // Dotted keys.
                    _ => is_inline = false,
                }
                self.add(text, below);
            }
            if is_inline {
                self.value_ends.push(value.span().end);
            }
        }
    }
}
