//! Which settings differ between two texts of a manifest. Values are left out: they may be secrets.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// What the stack consists of, which `serve::stack::diff` compares.
const STACK: [&str; 4] = ["use", "map", "cascade", "run"];

/// One line for each setting that was added (`+`), removed (`-`) or changed (`~`), such as `~ [limits] connections`.
/// Texts that do not parse have none.
pub fn settings_diff(old: &str, new: &str) -> Vec<String> {
    let (old, new) = (settings(old), settings(new));
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let sign = |name: &String| match (old.get(name), new.get(name)) {
        (None, _) => Some('+'),
        (_, None) => Some('-'),
        (before, after) => (before != after).then_some('~'),
    };
    let lines = names.into_iter();
    lines
        .filter_map(|name| Some(format!("{} {name}", sign(name)?)))
        .collect()
}

/// The settings by their names, a table's own ones with the table's name.
fn settings(text: &str) -> BTreeMap<String, Value> {
    let mut table: Table = text.parse().unwrap_or_default();
    table.retain(|key, _| !STACK.contains(&key));
    let mut settings = BTreeMap::new();
    for (key, value) in table {
        match value {
            // An empty table may mean something, as `[metrics]` does.
            Value::Table(inner) if !inner.is_empty() => {
                let inner = inner.into_iter();
                settings.extend(inner.map(|(name, value)| (format!("[{key}] {name}"), value)));
            }
            Value::Table(inner) => {
                settings.insert(format!("[{key}]"), inner.into());
            }
            value => {
                settings.insert(key, value);
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_differ_are_named_without_their_values() {
        let old = "use = ['logger']\nrun = 'hello'\nwarmup = ['/']\n[limits]\nconnections = 1\nrequest_timeout = '1s'\n[store]\nurl = 'secret'";
        let new = "run = 'other'\nwarmup = ['/a']\n[limits]\nconnections = 2\nrequest_timeout = '1s' # the same\n[metrics]\n";
        let lines = settings_diff(old, new);
        let expected = [
            "~ [limits] connections",
            "+ [metrics]",
            "- [store] url",
            "~ warmup",
        ];
        assert_eq!(lines, expected);
        assert!(settings_diff(old, old).is_empty());
    }
}
