//! Output of another program, passed on while it runs.

use crate::escape::{is_control, style, styled};

/// The longest sequence that is waited for.
const MAX_SEQUENCE: usize = 32;

/// Passes on what a program writes to a terminal, in pieces: its text, its colours, and what redraws a progress bar
/// (`\r`, `ESC [ K`). Other control characters are escaped.
#[derive(Debug, Default)]
pub struct TerminalFilter {
    /// The start of a character or a sequence whose end has not come yet.
    begun: Vec<u8>,
}

impl TerminalFilter {
    /// What to write for the next piece.
    pub fn pass(&mut self, piece: &[u8]) -> String {
        self.begun.extend_from_slice(piece);
        let end = complete(&self.begun);
        let whole: Vec<u8> = self.begun.drain(..end).collect();
        filtered(&String::from_utf8_lossy(&whole))
    }

    /// What to write for the rest, after the last piece.
    pub fn finish(&mut self) -> String {
        filtered(&String::from_utf8_lossy(&std::mem::take(&mut self.begun)))
    }
}

/// How many bytes end with a whole character and a whole sequence.
fn complete(bytes: &[u8]) -> usize {
    let recent = bytes.len().saturating_sub(MAX_SEQUENCE);
    if let Some(at) = bytes[recent..].iter().rposition(|byte| *byte == 0x1b) {
        let sequence = &bytes[recent + at..];
        let ends = sequence
            .iter()
            .skip(2)
            .any(|byte| (0x40..=0x7e).contains(byte));
        if !ends {
            return recent + at;
        }
    }
    // A character has four bytes at most.
    let tail = bytes.len().saturating_sub(3);
    let lead = bytes[tail..].iter().rposition(|byte| *byte >= 0xc0);
    match lead.map(|at| tail + at) {
        Some(at) if std::str::from_utf8(&bytes[at..]).is_err_and(|e| e.error_len().is_none()) => at,
        _ => bytes.len(),
    }
}

fn filtered(text: &str) -> String {
    if !text.contains(is_control) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\u{1b}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(&styled(before));
        let length = match from {
            _ if from.starts_with('\r') => 1,
            _ if from.starts_with("\u{1b}[K") => 3,
            _ => style(from).unwrap_or(0),
        };
        let (kept, after) = from.split_at(length);
        out.push_str(kept);
        rest = after;
        if length == 0 {
            out.push_str("\\u{1b}");
            rest = &rest[1..];
        }
    }
    out.push_str(&styled(rest));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passed(pieces: &[&[u8]]) -> String {
        let mut filter = TerminalFilter::default();
        let mut out: String = pieces.iter().map(|piece| filter.pass(piece)).collect();
        out.push_str(&filter.finish());
        out
    }

    #[test]
    fn progress_and_colours_pass() {
        let bar = "\u{1b}[1m    Building\u{1b}[0m [==> ] 1/2: é\r\u{1b}[K";
        assert_eq!(passed(&[bar.as_bytes()]), bar);
        for text in ["\u{1b}[2J", "\u{1b}]0;x\u{7}", "\u{1b}[1A", "\u{9b}2J"] {
            let shown = passed(&[text.as_bytes()]);
            assert!(!shown.contains(is_control), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[a-z\u{e9}\u{1b}\r\\[K0-9;m\u{9b}]*", cut in any::<usize>()) {
            let bytes = text.as_bytes();
            let (first, second) = bytes.split_at(cut % (bytes.len() + 1));
            prop_assert_eq!(passed(&[first, second]), passed(&[bytes]));
        }

        #[test]
        fn bytes_are_passed_on_as_text(bytes in any::<Vec<u8>>()) {
            let shown = passed(&[&bytes]);
            let plain = shown.replace(['\r', '\n', '\t'], "").replace("\u{1b}[K", "");
            let mut left = plain.as_str();
            while let Some(at) = left.find('\u{1b}') {
                let length = style(&left[at..]);
                prop_assert!(length.is_some());
                left = &left[at + length.unwrap_or(1)..];
            }
            prop_assert!(!left.contains(is_control));
        }
    }
}
