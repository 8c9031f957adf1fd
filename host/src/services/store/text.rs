//! Keys and values as one line of text, and back.

use std::fmt::Write as _;

use log_text::one_line;

/// Text as it is; bytes that are none, control characters and the like as `\xNN`, a backslash doubled.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut buffer = [0; 4];
        for char in chunk.valid().chars() {
            let shown: &str = char.encode_utf8(&mut buffer);
            match char {
                '\\' => text.push_str("\\\\"),
                _ if one_line(shown) == shown => text.push(char),
                _ => hexadecimal(&mut text, shown.as_bytes()),
            }
        }
        hexadecimal(&mut text, chunk.invalid());
    }
    text
}

fn hexadecimal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// The bytes of such a text.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        rest = match after.as_bytes() {
            [b'\\', ..] => {
                bytes.push(b'\\');
                &after[1..]
            }
            [b'x', ..] => {
                let digits = after.get(1..3).filter(|digits| !digits.starts_with('+'));
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(byte.ok_or("`\\x` needs two hexadecimal digits, as in `\\x0a`")?);
                &after[3..]
            }
            _ => return Err("write `\\\\` for a backslash, and `\\x0a` for a byte".to_owned()),
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_readable() {
        let shown = |bytes: &[u8]| escaped(bytes);
        assert_eq!(shown("naïve key".as_bytes()), "naïve key");
        assert_eq!(shown(b"a\\b\n\x1b[2J\xff"), "a\\\\b\\x0a\\x1b[2J\\xff");
        // It would turn what follows around.
        assert_eq!(shown("\u{202e}x".as_bytes()), "\\xe2\\x80\\xaex");
    }

    #[test]
    fn other_escapes_are_refused() {
        for text in ["\\", "\\n", "\\x", "\\x1", "\\xzz", "\\x+1", "\\xé"] {
            assert!(unescaped(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(unescaped(&escaped(&bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = unescaped(&text);
        }
    }
}
