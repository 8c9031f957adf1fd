//! Names that Cargo takes for a crate, and a manifest for a plugin.

use super::NewError;
use crate::load::manifest::name::normalized;

/// As long as a name may be: what is made from the templates is then laid out as rustfmt does it.
pub(super) const MOST: usize = 40;

/// Rust's own words, which no crate can be called.
const WORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates that every plugin knows under these names.
const CRATES: [&str; 6] = [
    "alloc",
    "core",
    "proc_macro",
    "std",
    "stackup_plugin",
    "test",
];

/// Whether `name` can be the name of a crate; `of` says of what it is to be one.
pub(super) fn check(name: &str, of: &'static str) -> Result<(), NewError> {
    match fault(name) {
        None => Ok(()),
        Some(mut why) => {
            let near = normalized(name);
            if near != name && fault(&near).is_none() {
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

fn fault(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let as_rust = name.replace('-', "_");
    if name.is_empty() {
        Some("it is empty".to_owned())
    } else if let Some(odd) = name.chars().find(|c| !fits(*c)) {
        Some(format!("`{}` is not allowed in it", odd.escape_debug()))
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("it does not begin with a letter".to_owned())
    } else if name.len() > MOST {
        Some(format!("it is {} long", name.len()))
    } else if WORDS.contains(&as_rust.as_str()) {
        Some("it is a word of Rust".to_owned())
    } else if CRATES.contains(&as_rust.as_str()) {
        Some("a crate that every plugin knows has this name".to_owned())
    } else {
        None
    }
}

/// The name as Rust writes a type: `basic-auth` → `BasicAuth`.
pub(super) fn of_type(name: &str) -> String {
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
    fn a_name_is_one_that_cargo_takes() {
        for good in ["a", "hello", "basic-auth", "x_2", &"a".repeat(MOST)] {
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
            &"a".repeat(MOST + 1),
        ] {
            assert!(check(bad, "plugin").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_has_capitals() {
        assert_eq!(of_type("basic-auth"), "BasicAuth");
        assert_eq!(of_type("x_2--y-"), "X2Y");
    }
}
