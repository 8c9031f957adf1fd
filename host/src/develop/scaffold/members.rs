//! The workspace that a new crate becomes a member of.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::NewError;
use crate::load::atomic_file;
use crate::load::site_file;
use crate::load::toml_text::{
    ArrayText, attached_comments, line_end, line_ending, line_start, replaced,
};

/// A Cargo.toml with `[workspace]`.
#[derive(Debug)]
pub(super) struct Workspace {
    /// The Cargo.toml.
    path: PathBuf,
    text: String,
}

impl Workspace {
    /// The workspace that a crate in `folder` would belong to, if there is one.
    pub(super) fn around(folder: &Path) -> Result<Option<Self>, NewError> {
        let folder = fs::canonicalize(folder).map_err(NewError::io(folder, "read"))?;
        for above in folder.ancestors() {
            let path = above.join("Cargo.toml");
            let text = match site_file::read_to_show(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(NewError::io(&path, "read")(error)),
            };
            let file = Self { path, text };
            if file.tree()?.contains_key("workspace") {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    fn tree(&self) -> Result<DeTable<'_>, NewError> {
        let tree = DeTable::parse(&self.text);
        tree.map(Spanned::into_inner)
            .map_err(|error| self.refused(error.to_string()))
    }

    fn refused(&self, why: String) -> NewError {
        let path = self.path.clone();
        NewError::Workspace { path, why }
    }

    /// Whether the Cargo.toml has a value at these keys.
    pub(super) fn has(&self, keys: &[&str]) -> bool {
        let Ok(tree) = self.tree() else {
            return false;
        };
        let Some((last, tables)) = keys.split_last() else {
            return true;
        };
        let mut table = &tree;
        for key in tables {
            match table.get(*key).map(Spanned::get_ref) {
                Some(DeValue::Table(below)) => table = below,
                _ => return false,
            }
        }
        table.contains_key(*last)
    }

    /// Adds the plugin in this site to the members, unless a pattern includes it. Returns whether it was added.
    pub(super) fn add(&mut self, site: &Path, plugin: &str) -> Result<bool, NewError> {
        let root = self.path.parent().unwrap_or(Path::new("/"));
        let site = fs::canonicalize(site).map_err(NewError::io(site, "read"))?;
        let below = site.strip_prefix(root).unwrap_or(&site);
        let below = below.join("plugins").join(plugin);
        let Some(below) = below.to_str() else {
            return Err(NewError::NotUtf8(below));
        };
        let tree = self.tree()?;
        let not_an_array = || self.refused("`members` is not an array".to_owned());
        let Some((key, workspace)) = tree.get_key_value("workspace") else {
            return Err(not_an_array());
        };
        let DeValue::Table(table) = workspace.get_ref() else {
            return Err(not_an_array());
        };
        let member = toml::Value::from(below).to_string();
        let added = match table.get("members") {
            None => self.with_members(key.span().start, workspace, &member),
            Some(members) => {
                let DeValue::Array(patterns) = members.get_ref() else {
                    return Err(not_an_array());
                };
                let mut all = patterns
                    .iter()
                    .filter_map(|member| member.get_ref().as_str());
                if all.any(|pattern| matches(pattern, below)) {
                    return Ok(false);
                }
                let values: Vec<_> = patterns.iter().map(Spanned::span).collect();
                ArrayText::new(&self.text, members.span(), &values).pushed(&member)
            }
        };
        self.text = added;
        Ok(true)
    }

    /// The text with `members`, which it does not have. `key` is where `workspace` is first written.
    fn with_members(&self, key: usize, workspace: &Spanned<DeValue<'_>>, member: &str) -> String {
        let (text, line_ending) = (&self.text, line_ending(&self.text));
        let span = workspace.span();
        let members = format!("members = [{member}]");
        let header = text[line_start(text, key)..].trim_start_matches([' ', '\t']);
        let name: String = header
            .split(']')
            .next()
            .unwrap_or_default()
            .chars()
            .filter(|c| !matches!(c, ' ' | '\t' | '"' | '\''))
            .collect();
        if text[span.clone()].starts_with('{') {
            let comma = match workspace.get_ref() {
                DeValue::Table(table) if !table.is_empty() => ",",
                _ => " ",
            };
            let at = span.start + 1;
            return replaced(text, at..at, &format!(" {members}{comma}"));
        }
        if name == "[workspace" {
            let at = line_end(text, key);
            return match text[..at].ends_with('\n') {
                true => replaced(text, at..at, &format!("{members}{line_ending}")),
                false => replaced(text, at..at, &format!("{line_ending}{members}")),
            };
        }
        if header.starts_with('[') {
            let last_break = if text.ends_with('\n') {
                ""
            } else {
                line_ending
            };
            let table =
                format!("{last_break}{line_ending}[workspace]{line_ending}{members}{line_ending}");
            return format!("{text}{table}");
        }
        let at = attached_comments(text, line_start(text, key), 0);
        replaced(text, at..at, &format!("workspace.{members}{line_ending}"))
    }

    /// Writes the Cargo.toml and returns its path.
    pub(super) fn save(self) -> Result<PathBuf, NewError> {
        atomic_file::write(&self.path, self.text.as_bytes())
            .map_err(NewError::io(&self.path, "write"))?;
        Ok(self.path)
    }
}

/// Whether a pattern in `members` matches the folder `below`, relative to the workspace's root.
fn matches(pattern: &str, below: &str) -> bool {
    let options = glob::MatchOptions {
        require_literal_separator: true,
        ..glob::MatchOptions::default()
    };
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_with(below, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Cargo.toml after the plugin `stamp` was created beside it, if that changes it.
    fn added(before: &str) -> Option<String> {
        let site = tempfile::tempdir().unwrap();
        fs::write(site.path().join("Cargo.toml"), before).unwrap();
        let mut workspace = Workspace::around(site.path()).unwrap().unwrap();
        let changed = workspace.add(site.path(), "stamp").unwrap();
        let path = workspace.save().unwrap();
        let after = fs::read_to_string(path).unwrap();
        assert_eq!(changed, after != before);
        changed.then_some(after)
    }

    #[test]
    fn member_pattern_includes_the_plugin() {
        for members in ["plugins/*", "./plugins/*/", "*/*", "plugins/stamp"] {
            let text = format!("[workspace]\nmembers = [\"{members}\"]\n");
            assert_eq!(added(&text), None, "{members}");
        }
        assert!(added("[workspace]\nmembers = [\"*\", \"plugins\"]\n").is_some());
    }

    #[test]
    fn layout_is_preserved() {
        let before =
            "# mine\n[workspace]\nmembers = [\n  \"a\", # first\n  # second\n  \"b\",\n]\n";
        let after = "# mine\n[workspace]\nmembers = [\n  \"a\", # first\n  # second\n  \"b\",\n  \"plugins/stamp\",\n]\n";
        assert_eq!(added(before).as_deref(), Some(after));
        let after = "[workspace]\nmembers = [\"a\", \"plugins/stamp\"]\n";
        assert_eq!(
            added("[workspace]\nmembers = [\"a\"]\n").as_deref(),
            Some(after)
        );
        let after = "[workspace]\nmembers = [\"plugins/stamp\"]\n";
        assert_eq!(added("[workspace]\n").as_deref(), Some(after));
    }

    #[test]
    fn bytes_around_the_member_are_preserved() {
        let cases = [
            // A byte order mark and CRLF.
            (
                "\u{feff}# mine\r\n[workspace]\r\nmembers = [\r\n\t\"a\",\r\n]\r\n",
                "\u{feff}# mine\r\n[workspace]\r\nmembers = [\r\n\t\"a\",\r\n\t\"plugins/stamp\",\r\n]\r\n",
            ),
            // A comment behind the last member stays there, with and without its comma.
            (
                "[workspace]\nmembers = [\n  \"a\", # of a\n  # end\n]",
                "[workspace]\nmembers = [\n  \"a\", # of a\n  \"plugins/stamp\",\n  # end\n]",
            ),
            (
                "[workspace]\nmembers = [\n  \"a\" # of a\n]",
                "[workspace]\nmembers = [\n  \"a\", # of a\n  \"plugins/stamp\"\n]",
            ),
            // Dotted keys keep their order.
            (
                "[workspace]\nmembers = []\nlints.a = 1\nresolver = \"3\"\nlints.b = 2\n",
                "[workspace]\nmembers = [\"plugins/stamp\"]\nlints.a = 1\nresolver = \"3\"\nlints.b = 2\n",
            ),
            // There are no members yet.
            (
                "[workspace] # mine\r\nresolver = \"3\"\r\n",
                "[workspace] # mine\r\nmembers = [\"plugins/stamp\"]\r\nresolver = \"3\"\r\n",
            ),
            ("[workspace]", "[workspace]\nmembers = [\"plugins/stamp\"]"),
            (
                "# of package\n[workspace.package]\nedition = \"2024\"",
                "# of package\n[workspace.package]\nedition = \"2024\"\n\n[workspace]\nmembers = [\"plugins/stamp\"]\n",
            ),
            (
                "\u{feff}# of the resolver\nworkspace.resolver = \"3\"\n",
                "\u{feff}workspace.members = [\"plugins/stamp\"]\n# of the resolver\nworkspace.resolver = \"3\"\n",
            ),
            (
                "workspace = { resolver = \"3\" }\n",
                "workspace = { members = [\"plugins/stamp\"], resolver = \"3\" }\n",
            ),
            (
                "[workspace]\nmembers = [ # none yet\n]\n",
                "[workspace]\nmembers = [ # none yet\n  \"plugins/stamp\",\n]\n",
            ),
        ];
        for (before, after) in cases {
            assert_eq!(added(before).as_deref(), Some(after), "{before}");
        }
    }
}
