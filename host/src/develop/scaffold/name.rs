//! Names that are valid both for a crate and for a plugin in a manifest.

use super::NewError;
use crate::load::manifest::name::normalized;

/// The longest name for which the filled templates are still formatted as rustfmt does it.
pub(super) const MAX_LEN: usize = 40;

/// Rust's keywords.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Names of crates that are in scope in every plugin.
const RESERVED_CRATES: [&str; 6] = [
    "alloc",
    "core",
    "proc_macro",
    "std",
    "stackup_plugin",
    "test",
];

/// Checks that `name` is valid; `of` is what it names.
pub(super) fn check(name: &str, of: &'static str) -> Result<(), NewError> {
    match violation(name) {
        None => Ok(()),
        Some(mut why) => {
            let near = normalized(name);
            if near != name && violation(&near).is_none() {
                why = format!("{why}; did you mean `{near}`?");
            }
            Err(NewError::Name {
                name: name.to_owned(),
                of,
                why,
            })
        }
    }
}

fn violation(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let as_rust = name.replace('-', "_");
    if name.is_empty() {
        Some("it is empty".to_owned())
    } else if let Some(odd) = name.chars().find(|c| !fits(*c)) {
        Some(format!("invalid character `{}`", odd.escape_debug()))
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("it does not begin with a letter".to_owned())
    } else if name.len() > MAX_LEN {
        Some(format!("it has {} characters", name.len()))
    } else if KEYWORDS.contains(&as_rust.as_str()) {
        Some("it is a Rust keyword".to_owned())
    } else if RESERVED_CRATES.contains(&as_rust.as_str()) {
        Some("a crate in scope of every plugin has this name".to_owned())
    } else {
        None
    }
}

/// The name as Rust writes a type: `basic-auth` → `BasicAuth`.
pub(super) fn type_name(name: &str) -> String {
    let words = name.split(['-', '_']);
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_for_cargo_and_rust() {
        for good in ["a", "hello", "basic-auth", "x_2", &"a".repeat(MAX_LEN)] {
            assert!(check(good, "plugin").is_ok(), "{good}");
        }
        for bad in [
            "",
            "Hello",
            "2x",
            "-x",
            "_x",
            "a b",
            "a.b",
            "a/b",
            "é",
            "fn",
            "self",
            "std",
            "stackup-plugin",
            "proc-macro",
            &"a".repeat(MAX_LEN + 1),
        ] {
            assert!(check(bad, "plugin").is_err(), "{bad}");
        }
    }

    #[test]
    fn type_name_is_camel_case() {
        assert_eq!(type_name("basic-auth"), "BasicAuth");
        assert_eq!(type_name("x_2--y-"), "X2Y");
    }
}
