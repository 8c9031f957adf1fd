//! Names of plugins and handlers.

use super::words::quoted;

/// Why a name is invalid, and how to fix it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidName {
    pub(super) message: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

/// Splits `plugin#handler` and checks both names.
pub(super) fn parse(text: &str) -> Result<(String, Option<String>), InvalidName> {
    let (plugin, handler) = match text.split_once('#') {
        Some((plugin, handler)) => (plugin, Some(handler)),
        None => (text, None),
    };
    check_plugin(plugin)?;
    if let Some(handler) = handler
        && !is_handler(handler)
    {
        return Err(InvalidName {
            message: format!("{} is not a valid handler name", quoted(handler)),
            label: "expected a name after `#`".into(),
            help: Some(format!(
                "write `{plugin}#HANDLER` with letters, digits, `_` and `-`, or just `{plugin}`"
            )),
        });
    }
    Ok((plugin.to_owned(), handler.map(str::to_owned)))
}

fn check_plugin(name: &str) -> Result<(), InvalidName> {
    let complain = |label: &str, help: Option<String>| {
        let message = format!("{} is not a valid plugin name", quoted(name));
        Err(InvalidName {
            message,
            label: label.to_owned(),
            help,
        })
    };
    if name.is_empty() {
        return Err(InvalidName {
            message: "the plugin name is empty".into(),
            label: "expected a name".into(),
            help: None,
        });
    }
    let stem = stem(name);
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return complain(
            "this looks like a path",
            Some(format!(
                "write `plugin = \"{stem}\"` and `path = \"{name}\"`"
            )),
        );
    }
    if is_library(name) {
        return complain(
            "this looks like a file",
            Some(format!(
                "write just the name: \"{stem}\"; to choose the file, add `path = \"{name}\"`"
            )),
        );
    }
    if name.contains("::") {
        return complain(
            "this looks like a Rust path",
            Some("name a handler after `#`: \"plugin#handler\"".into()),
        );
    }
    if !is_plugin(name) {
        let normalized = normalized(name);
        let help = is_plugin(&normalized).then(|| format!("did you mean \"{normalized}\"?"));
        return complain(
            "expected lower-case letters, digits, `_` and `-`, starting with a letter or digit",
            help,
        );
    }
    Ok(())
}

fn is_plugin(name: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(first) && name.chars().all(|c| first(c) || c == '_' || c == '-')
}

fn is_handler(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn is_library(name: &str) -> bool {
    [".so", ".dylib", ".dll"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

/// The plugin name that a path or file name most likely means.
fn stem(path: &str) -> String {
    let file = path.trim_end_matches(['/', '\\']);
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = match file.rsplit_once('.') {
        Some((stem, _)) if is_library(file) => stem.strip_prefix("lib").unwrap_or(stem),
        _ => file,
    };
    let stem = normalized(stem);
    if is_plugin(&stem) {
        stem
    } else {
        "NAME".to_owned()
    }
}

/// `BasicAuth` and `basic auth` in the form of a plugin name: `basic-auth`.
pub(crate) fn normalized(name: &str) -> String {
    let mut normalized = String::new();
    let mut after_lower = false;
    for c in name.trim().chars() {
        if c.is_ascii_uppercase() && after_lower {
            normalized.push('-');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        normalized.push(if c.is_whitespace() {
            '-'
        } else {
            c.to_ascii_lowercase()
        });
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handler_follows_hash() {
        assert_eq!(
            parse("auth#basic"),
            Ok(("auth".into(), Some("basic".into())))
        );
        assert_eq!(
            parse("auth#Basic_2"),
            Ok(("auth".into(), Some("Basic_2".into())))
        );
        assert_eq!(parse("auth"), Ok(("auth".into(), None)));
        for text in ["auth#", "auth#a#b", "auth#a b", "#basic", "-a", "_a"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn normalized_name_is_valid() {
        assert_eq!(normalized("BasicAuth"), "basic-auth");
        assert_eq!(stem("./target/release/libbasic_auth.so"), "basic_auth");
        assert_eq!(stem("plugins/hello/"), "hello");
        assert_eq!(stem("../.."), "NAME");
    }
}
