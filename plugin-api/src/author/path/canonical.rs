//! The canonical form of a path.

use std::borrow::Cow;

/// Why a path has no canonical form, or can't stand in a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPath {
    /// It does not begin with `/`.
    Relative,
    /// A `%` without two hexadecimal digits.
    Escape,
    /// `%00`, or NUL itself: no name contains it.
    Nul,
    /// `..` leads above the root.
    AboveRoot,
    /// It is longer than a URI may be.
    TooLong,
    /// `?` or `#`, which end a path; in a config.
    End,
    /// `.` or `..` as a segment; in a config.
    DotSegment,
    /// `/` alone, where a config lists exceptions.
    Everything,
}

impl std::fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Relative => "it does not begin with `/`",
            Self::Escape => {
                "a `%` is not followed by two hexadecimal digits; `%` itself is written `%25`"
            }
            Self::Nul => "it contains NUL (`%00`)",
            Self::AboveRoot => "`..` leads above the root",
            Self::TooLong => "it is too long",
            Self::End => "it contains `?` or `#`, which are not part of a path",
            Self::DotSegment => {
                "it contains `.` or `..` as a segment; requests arrive with these resolved"
            }
            Self::Everything => "`/` covers every path: remove the layer, or list its paths",
        })
    }
}

impl std::error::Error for InvalidPath {}

/// The canonical form of an encoded path that begins with `/`.
///
/// * A character that may stand in a segment (`pchar` of RFC 3986 §3.3) stands for itself: `%70` is `p`, `%40` is `@`.
///   Every other byte is escaped, in upper case: `%c3` is `%C3`, `{` is `%7B`, `\` is `%5C`.
/// * So an encoded slash stays `%2F`. It belongs to a name and separates nothing.
/// * Dot segments are removed (RFC 3986 §5.2.4), also encoded ones, and several slashes become one.
///
/// A path that is canonical already is returned as it is.
///
/// # Errors
///
/// See [`InvalidPath`].
///
/// ```
/// use stackup_plugin::path::canonical;
///
/// assert_eq!(canonical("/%70rivate//a/%2e%2E/b")?, "/private/b");
/// assert_eq!(canonical("/caf%c3%a9/a%2fb;c")?, "/caf%C3%A9/a%2Fb;c");
/// # Ok::<_, stackup_plugin::path::InvalidPath>(())
/// ```
pub fn canonical(path: &str) -> Result<Cow<'_, str>, InvalidPath> {
    match is_canonical(path.as_bytes()) {
        true => Ok(Cow::Borrowed(path)),
        false => rebuild(path).map(Cow::Owned),
    }
}

/// Whether a byte stands for itself in a segment.
static IS_PCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~!$&'()*+,;=:@";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

fn is_pchar(byte: u8) -> bool {
    IS_PCHAR[usize::from(byte)]
}

/// One scan: each request pays for it.
fn is_canonical(path: &[u8]) -> bool {
    if path.first() != Some(&b'/') {
        return false;
    }
    let mut rest = path;
    loop {
        let name = rest.iter().position(|byte| !is_pchar(*byte));
        let name = name.unwrap_or(rest.len());
        rest = match &rest[name..] {
            [] => return true,
            [b'/', rest @ ..] if !begins_oddly(rest) => rest,
            [b'%', rest @ ..] if is_canonical_escape(rest) => &rest[2..],
            _ => return false,
        };
    }
}

/// Whether the segment that begins here is a dot segment, or empty and not the last.
fn begins_oddly(rest: &[u8]) -> bool {
    let after = match rest {
        [b'/', ..] => return true,
        [b'.', b'.', after @ ..] | [b'.', after @ ..] => after,
        _ => return false,
    };
    matches!(after, [] | [b'/', ..])
}

fn is_canonical_escape(digits: &[u8]) -> bool {
    let upper = |digit: &u8| digit.is_ascii_digit() || (b'A'..=b'F').contains(digit);
    let [high, low, ..] = digits else {
        return false;
    };
    let byte = escaped(digits).unwrap_or_default();
    upper(high) && upper(low) && byte != 0 && !is_pchar(byte)
}

/// The byte that two hexadecimal digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn rebuild(path: &str) -> Result<String, InvalidPath> {
    let segments = path.strip_prefix('/').ok_or(InvalidPath::Relative)?;
    let mut built = String::with_capacity(path.len());
    let mut ends_with_slash = false;
    for segment in segments.split('/') {
        let name = decode(segment)?;
        ends_with_slash = matches!(&name[..], b"" | b"." | b"..");
        match &name[..] {
            b"" | b"." => {}
            b".." => {
                let parent = built.rfind('/').ok_or(InvalidPath::AboveRoot)?;
                built.truncate(parent);
            }
            name => {
                built.push('/');
                encode(name, &mut built);
            }
        }
    }
    if ends_with_slash {
        built.push('/');
    }
    Ok(built)
}

pub(super) fn decode(segment: &str) -> Result<Cow<'_, [u8]>, InvalidPath> {
    let bytes = segment.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | 0)) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut name = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (byte, length) = match byte {
            b'%' => (escaped(&bytes[at + 1..]).ok_or(InvalidPath::Escape)?, 3),
            byte => (byte, 1),
        };
        if byte == 0 {
            return Err(InvalidPath::Nul);
        }
        name.push(byte);
        at += length;
    }
    Ok(Cow::Owned(name))
}

fn encode(name: &[u8], built: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in name {
        if is_pchar(byte) {
            built.push(char::from(byte));
        } else {
            built.push('%');
            built.push(char::from(DIGITS[usize::from(byte >> 4)]));
            built.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_path_has_one_spelling() {
        for (given, expected) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/%70rivate/%7Euser", "/private/~user"),
            ("/%40a%3b%2B%2c%3d%26", "/@a;+,=&"),
            ("/a+b", "/a+b"),
            ("/caf%c3%A9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/a b\"<>\\^`{|}", "/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D"),
            ("/a%2fb%5cc%3f%23%25", "/a%2Fb%5Cc%3F%23%25"),
            ("/%252e%252e/x", "/%252e%252e/x"),
            ("//", "/"),
            ("//a///b//", "/a/b/"),
            ("/.", "/"),
            ("/./a/./", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/../b", "/b"),
            ("/a//../b", "/b"),
            ("/a/%2e%2E/%2e/b/.%2e/c", "/c"),
            ("/.a/..b/...", "/.a/..b/..."),
            ("/..;/a", "/..;/a"),
            ("/a/..%2f", "/a/..%2F"),
            ("/%ff%0d%0A%7f", "/%FF%0D%0A%7F"),
        ] {
            let built = canonical(given);
            assert_eq!(built.as_deref(), Ok(expected), "{given}");
            let unchanged = matches!(built, Ok(Cow::Borrowed(_)));
            assert_eq!(unchanged, given == expected, "{given}: allocates");
        }
    }

    #[test]
    fn path_without_canonical_form_is_refused() {
        use InvalidPath::{AboveRoot, Escape, Nul, Relative};
        for (given, reason) in [
            ("", Relative),
            ("a", Relative),
            ("*", Relative),
            ("/%", Escape),
            ("/%4", Escape),
            ("/%zz", Escape),
            ("/%+1", Escape),
            ("/%%", Escape),
            ("/%4/1", Escape),
            ("/%00", Nul),
            ("/a\0", Nul),
            ("/..", AboveRoot),
            ("/a/../..", AboveRoot),
            ("/%2e%2e/a", AboveRoot),
            ("//../a", AboveRoot),
        ] {
            assert_eq!(canonical(given), Err(reason), "{given}");
        }
    }

    /// What a path names, told the long way round.
    fn names(path: &str) -> Option<(Vec<Vec<u8>>, bool)> {
        let mut names = Vec::new();
        let mut slash = false;
        for segment in path.strip_prefix('/')?.split('/') {
            let name = decode(segment).ok()?.into_owned();
            slash = [&b""[..], b".", b".."].contains(&&name[..]);
            match &name[..] {
                b".." => drop(names.pop()?),
                b"" | b"." => {}
                _ => names.push(name),
            }
        }
        Some((names, slash))
    }

    /// Paths of few characters, so that they often mean the same.
    fn paths() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "/", "/", "/", ".", "%2e", "%2E", "a", "%61", "A", "%41", "%2F", "%2f", "@", "%40",
            "%", "%0", "é", "%C3%a9", "{", "%7b", " ", ";",
        ]);
        prop::collection::vec(part, 0..8).prop_map(|parts| format!("/{}", parts.concat()))
    }

    proptest! {
        #[test]
        fn paths_are_spelled_the_same_if_they_name_the_same(a in paths(), b in paths()) {
            let (one, other) = (canonical(&a), canonical(&b));
            prop_assert_eq!(one.as_ref().ok().map(|path| names(path)), names(&a).map(Some));
            if let (Ok(one), Ok(other)) = (&one, &other) {
                prop_assert_eq!(one == other, names(&a) == names(&b));
            }
        }

        #[test]
        fn canonical_path_stays_as_it_is(path in "/.{0,20}") {
            if let Ok(once) = canonical(&path) {
                prop_assert!(matches!(canonical(&once), Ok(Cow::Borrowed(_))), "{} of {}", once, path);
            }
        }
    }
}
