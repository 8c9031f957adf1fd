//! Text that is translated as it streams, with the same result however it is cut.

use stackup_plugin::body::Rewrite;
use stackup_plugin::{Bytes, Result};

use crate::markup::Markup;
use crate::word::translate;

/// What is longer, in bytes, is no word, and goes on as it is.
const LONGEST_WORD: usize = 64;

/// The state between two chunks: at most a word and three bytes.
pub(crate) struct Latin {
    markup: Option<Markup>,
    /// The beginning of a character.
    cut: Vec<u8>,
    word: String,
    /// In something too long for a word.
    overlong: bool,
}

impl Latin {
    pub(crate) fn new(html: bool) -> Self {
        Self {
            markup: html.then(Markup::default),
            cut: Vec::new(),
            word: String::new(),
            overlong: false,
        }
    }

    fn push(&mut self, c: char, out: &mut String) {
        let text = self.markup.as_mut().is_none_or(|markup| markup.is_text(c));
        let apostrophe = matches!(c, '\'' | '’') && (self.overlong || !self.word.is_empty());
        if !text || !(c.is_alphabetic() || apostrophe) {
            self.finish_word(out);
            out.push(c);
            return;
        }
        if self.overlong {
            out.push(c);
            return;
        }
        self.word.push(c);
        if self.word.len() > LONGEST_WORD {
            out.push_str(&self.word);
            self.word.clear();
            self.overlong = true;
        }
    }

    fn finish_word(&mut self, out: &mut String) {
        self.overlong = false;
        // An apostrophe at the end is a quotation mark.
        let word = self.word.trim_end_matches(['\'', '’']);
        if !word.is_empty() {
            translate(word, out);
            out.push_str(&self.word[word.len()..]);
        }
        self.word.clear();
    }
}

impl Rewrite for Latin {
    fn chunk(&mut self, chunk: Bytes) -> Result<Bytes> {
        let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 2);
        let mut bytes = std::mem::take(&mut self.cut);
        bytes.extend_from_slice(&chunk);
        let mut text = String::new();
        let mut parts = bytes.utf8_chunks().peekable();
        while let Some(part) = parts.next() {
            part.valid().chars().for_each(|c| self.push(c, &mut text));
            if parts.peek().is_none() && is_cut(part.invalid()) {
                self.cut.extend_from_slice(part.invalid());
            } else if !part.invalid().is_empty() {
                self.finish_word(&mut text);
                out.append(&mut std::mem::take(&mut text).into_bytes());
                out.extend_from_slice(part.invalid());
            }
        }
        out.append(&mut text.into_bytes());
        Ok(out.into())
    }

    fn end(&mut self) -> Result<Bytes> {
        let mut out = String::new();
        self.finish_word(&mut out);
        let mut out = out.into_bytes();
        out.append(&mut self.cut);
        Ok(out.into())
    }
}

/// Whether bytes are the beginning of a character, rather than none.
fn is_cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
