//! Paths where they stand in a header or a URL.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What would end a path there, or mean something in it; a backslash is a slash to browsers.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b';');

/// A path, or one name of it, as it stands in a header or a URL.
pub fn escape(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}
