//! Renders diagnostics in rustc's style.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use log_text::{HIDDEN, one_line, printable, same_length};

use super::conceal::conceal;
use super::{Diagnostic, Severity, Source, Span};

/// A shorter word of a message is no part of a secret that could be recognised.
const SHORTEST_SECRET: usize = 4;

impl Diagnostic {
    /// The message with file, line, column and underlined text. No trailing newline.
    ///
    /// A span outside the text moves to the nearest place inside it.
    pub fn render(&self, source: &Source, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let text = conceal(&source.text, self);
        let spoken = |message: &str| self.spoken(message, source, &text);
        let label = spoken(&self.label);
        let label = Some(printable(&label)).filter(|label| !label.is_empty());
        let text = same_length(&text);
        let also = self.also.iter().map(|(span, label)| {
            AnnotationKind::Context
                .span(within(&source.text, span))
                .label(printable(&spoken(label)).into_owned())
        });
        let snippet = Snippet::source(text)
            .path(one_line(&source.path.to_string_lossy()).into_owned())
            .annotation(
                AnnotationKind::Primary
                    .span(within(&source.text, &self.span))
                    .label(label),
            )
            .annotations(also);
        let mut group = level
            .primary_title(printable(&spoken(&self.message)).into_owned())
            .element(snippet);
        if let Some(note) = &self.note {
            group = group.element(Level::NOTE.message(printable(&spoken(note)).into_owned()));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(printable(&spoken(help)).into_owned()));
        }
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }

    /// A part of the message without what the quoted `text` hides of the underlined value, or of a part of it.
    fn spoken(&self, message: &str, source: &Source, text: &str) -> String {
        let span = within(&source.text, &self.span);
        let (value, shown) = (
            &source.text[span.clone()],
            text.get(span).unwrap_or_default(),
        );
        if shown == value {
            return message.to_owned();
        }
        let value = one_line(value);
        let hidden = |word: &&str| {
            word.len() >= SHORTEST_SECRET && value.contains(word) && !shown.contains(word)
        };
        ['`', '"']
            .into_iter()
            .fold(message.to_owned(), |message, quote| {
                let words = message.split(quote).enumerate();
                let words = words.map(|(number, word)| match number % 2 == 1 && hidden(&word) {
                    true => HIDDEN,
                    false => word,
                });
                words
                    .collect::<Vec<_>>()
                    .join(quote.encode_utf8(&mut [0; 4]))
            })
    }

    /// Line and column of the first underlined character, both from 1.
    pub fn position(&self, source: &Source) -> (usize, usize) {
        let before = &source.text[..within(&source.text, &self.span).start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

impl Source {
    /// Renders all `diagnostics` in order. Ends in a newline unless there are none.
    pub fn render(&self, diagnostics: &[Diagnostic], color: bool) -> String {
        let all = diagnostics
            .iter()
            .map(|diagnostic| diagnostic.render(self, color) + "\n");
        all.collect::<Vec<_>>().join("\n")
    }
}

/// The part of `span` that lies in `text`, on character boundaries.
fn within(text: &str, span: &Span) -> Span {
    let down = |at: usize| {
        (0..=at.min(text.len()))
            .rev()
            .find(|&at| text.is_char_boundary(at))
    };
    let up = (span.end.min(text.len())..=text.len()).find(|&at| text.is_char_boundary(at));
    let start = down(span.start).unwrap_or(0);
    start..up.unwrap_or(start).max(start)
}
