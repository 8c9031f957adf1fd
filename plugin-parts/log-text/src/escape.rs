//! Escaping: no text may move a terminal's cursor, reorder a line, or look like another line.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// Text for a line of its own: every control character, line breaks and tabs too, is escaped.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |char| !is_control(char), rust)
}

/// Text of several lines, as a diagnostic has: line breaks and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |char| matches!(char, '\n' | '\t') || !is_control(char),
        rust,
    )
}

/// The same for text with colours, as of a compiler: sequences that set a colour or a weight stay.
pub fn styled(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&printable(&rest[..at]));
        let length = style(&rest[at..]).unwrap_or(0);
        let (sequence, after) = rest[at..].split_at(length);
        out.push_str(sequence);
        rest = after;
        if length == 0 {
            out.push_str("\\u{1b}");
            rest = &rest[1..];
        }
    }
    out.push_str(&printable(rest));
    out.into()
}

/// JSON in which such characters are `\uHHHH`: the same value. Line breaks between values stay.
pub fn json(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |char| char == '\n' || !is_control(char),
        |out, char| {
            for unit in char.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

/// Text in which each such character is replaced by a visible one of the same length, so that places in it stay
/// valid. Line breaks and tabs stay.
pub fn same_length(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |char| matches!(char, '\n' | '\r' | '\t') || !is_control(char),
        |out, char| {
            out.push_str(match char.len_utf8() {
                1 => "?",
                2 => "\u{b7}",
                3 => "\u{fffd}",
                _ => "\u{fffd}?",
            });
        },
    )
}

/// Text for a quoted field of Apache's log formats: everything outside visible ASCII, quotes and backslashes as `\xHH`.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'"' | b'\\' | 0..b' ' | 0x7f.. => write!(f, "\\x{byte:02X}"),
            visible => f.write_char(visible.into()),
        })
    }
}

/// Controls of ASCII and of C1, line and paragraph separators, and characters that reorder or hide text: those that
/// have no shape of their own (`Default_Ignorable_Code_Point` of UAX #44), save the joiners U+200C and U+200D and the
/// variation selectors U+FE00 to U+FE0F, of which letters and emoji are made.
pub(crate) fn is_control(char: char) -> bool {
    match char {
        ' '..='~' => false,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
            true
        }
        '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' => true,
        '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => true,
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        char => char.is_control(),
    }
}

/// The length of the sequence at the start of `text`, if it sets a colour or a weight (SGR, ECMA-48 §8.3.117).
pub(crate) fn style(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let length = rest.find(|char: char| !matches!(char, '0'..='9' | ';' | ':'))?;
    (rest[length..].starts_with('m') && !conceals(&rest[..length])).then_some(length + 3)
}

/// Whether one of the parameters hides the text that follows (8). In a colour, 8 is a number like others.
fn conceals(parameters: &str) -> bool {
    let mut parameters = parameters.split(';');
    while let Some(parameter) = parameters.next() {
        let number = parameter.split(':').next().unwrap_or_default();
        match (number.trim_start_matches('0'), parameter == number) {
            ("8", _) => return true,
            // `38;5;N` and `38;2;R;G;B` (ITU-T T.416 §13.1.8).
            ("38" | "48" | "58", true) => {
                let rest = match parameters.next() {
                    Some("5") => 1,
                    Some("2") => 3,
                    _ => return true,
                };
                parameters.by_ref().take(rest).for_each(drop);
            }
            _ => {}
        }
    }
    false
}

fn rust(out: &mut String, char: char) {
    match char {
        '\n' | '\r' | '\t' => out.extend(char.escape_default()),
        char => out.extend(char.escape_unicode()),
    }
}

fn escaped(
    text: &str,
    stays: impl Fn(char) -> bool,
    escape: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    if text.chars().all(&stays) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match stays(char) {
            true => out.push(char),
            false => escape(&mut out, char),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn controls_are_escaped_and_letters_stay() {
        assert_eq!(one_line("a\nb\r\tc\u{1b}[2J"), r"a\nb\r\tc\u{1b}[2J");
        assert_eq!(one_line("\u{9b}31m \u{7f}"), r"\u{9b}31m \u{7f}");
        assert_eq!(one_line("user\u{202e}gpj.exe"), r"user\u{202e}gpj.exe");
        for hidden in [
            "\u{2028}\u{feff}",
            "\u{34f}\u{180e}",
            "\u{115f}\u{3164}\u{ffa0}",
            "\u{1d173}\u{e0041}",
        ] {
            let escaped: String = hidden.chars().flat_map(char::escape_unicode).collect();
            assert_eq!(one_line(hidden), escaped);
        }
        for text in [
            "é 漢字 👩\u{200d}💻 \u{2764}\u{fe0f} \u{110b}\u{1161}",
            "C:\\dir \"x\"",
            "",
        ] {
            assert!(matches!(one_line(text), Cow::Borrowed(_)), "{text}");
        }
        assert_eq!(printable("a\n\tb\r\u{1b}c"), "a\n\tb\\r\\u{1b}c");
    }

    #[test]
    fn only_colours_pass_as_sequences() {
        for text in [
            "\u{1b}[1;31merror\u{1b}[0m",
            "\u{1b}[38;5;8mx\u{1b}[m",
            "\u{1b}[38;2;8;8;8;1mx",
            "\u{1b}[38:5:8mx",
        ] {
            assert_eq!(styled(text), text);
        }
        for conceals in [
            "8",
            "0;8",
            "08",
            "1;8;31",
            "8:0",
            "38;5;1;8",
            "38;8",
            "38;2;1;1;1;8",
        ] {
            let text = format!("\u{1b}[{conceals}mhidden");
            assert_eq!(styled(&text), format!("\\u{{1b}}[{conceals}mhidden"));
        }
        for (text, shown) in [
            ("\u{1b}[2Jx", "\\u{1b}[2Jx"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
            ("\u{1b}[31", "\\u{1b}[31"),
            ("\u{1b}", "\\u{1b}"),
            ("\u{1b}[1m\u{9b}2J", "\u{1b}[1m\\u{9b}2J"),
        ] {
            assert_eq!(styled(text), shown);
        }
    }

    #[test]
    fn quoted_field_is_ascii() {
        assert_eq!(Quoted("GET /a b").to_string(), "GET /a b");
        let odd = Quoted("\"\\\n\u{7f}é").to_string();
        assert_eq!(odd, r"\x22\x5C\x0A\x7F\xC3\xA9");
    }

    proptest! {
        #[test]
        fn nothing_escapes(text in any::<String>(), insert in "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}-\u{202e}m\\[;0-9]*") {
            let text = text + &insert;
            prop_assert!(!one_line(&text).contains(is_control));
            let lines = printable(&text);
            prop_assert!(!lines.contains(|c| is_control(c) && !matches!(c, '\n' | '\t')));
            prop_assert_eq!(same_length(&text).len(), text.len());
            let once = one_line(&text).into_owned();
            prop_assert_eq!(one_line(&once), once.as_str());
            let mut left = styled(&text).into_owned();
            while let Some(at) = left.find('\u{1b}') {
                let length = style(&left[at..]);
                prop_assert!(length.is_some(), "{:?}", left);
                left.replace_range(at..at + length.unwrap_or(1), "");
            }
            prop_assert!(!left.contains(|c| is_control(c) && !matches!(c, '\n' | '\t')));
            prop_assert!(Quoted(&text).to_string().bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }
}
