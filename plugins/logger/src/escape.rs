//! Escaping untrusted text in a log line.

use std::fmt::{self, Display, Write};

/// Text with everything outside visible ASCII, quotes and backslashes as `\xHH`, so that no client can forge a line.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'"' | b'\\' | 0..b' ' | 0x7f.. => write!(f, "\\x{byte:02X}"),
            visible => f.write_char(visible.into()),
        })
    }
}

/// JSON with everything outside visible ASCII as `\uHHHH`: the same value, but no terminal escapes.
pub(crate) fn ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            ascii.push(c);
            continue;
        }
        // Outside strings, serde's JSON is visible ASCII.
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(Escaped("GET /a b").to_string(), "GET /a b");
        assert_eq!(
            Escaped("\"\\\n\u{7f}é").to_string(),
            r"\x22\x5C\x0A\x7F\xC3\xA9"
        );
    }

    #[test]
    fn json_in_ascii_has_the_same_value() {
        assert_eq!(
            ascii("\"a \u{7f}é\u{9b}😀\""),
            r#""a \u007f\u00e9\u009b\ud83d\ude00""#
        );
    }
}
