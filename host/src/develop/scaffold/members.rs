//! The workspace that a new crate becomes a member of.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item};

use super::NewError;
use crate::load::atomic_file;

/// A Cargo.toml with `[workspace]`.
#[derive(Debug)]
pub(super) struct Workspace {
    /// The Cargo.toml.
    path: PathBuf,
    document: DocumentMut,
}

impl Workspace {
    /// The workspace that a crate in `folder` would belong to, if there is one.
    pub(super) fn around(folder: &Path) -> Result<Option<Self>, NewError> {
        let folder = fs::canonicalize(folder).map_err(NewError::io(folder, "read"))?;
        for above in folder.ancestors() {
            let path = above.join("Cargo.toml");
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(NewError::io(&path, "read")(error)),
            };
            let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
                let (path, why) = (path.clone(), error.to_string());
                NewError::Workspace { path, why }
            })?;
            if document.contains_key("workspace") {
                return Ok(Some(Self { path, document }));
            }
        }
        Ok(None)
    }

    /// Whether the Cargo.toml has a value at these keys.
    pub(super) fn has(&self, keys: &[&str]) -> bool {
        let root = Some(self.document.as_item());
        let found = keys.iter().fold(root, |item, key| item?.get(key));
        found.is_some()
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
        let members = self.document["workspace"]
            .as_table_like_mut()
            .map(|table| {
                table
                    .entry("members")
                    .or_insert_with(|| Array::new().into())
            })
            .and_then(Item::as_array_mut);
        let Some(members) = members else {
            let (path, why) = (self.path.clone(), "`members` is not an array".to_owned());
            return Err(NewError::Workspace { path, why });
        };
        let is_one = members.iter().filter_map(|member| member.as_str());
        if is_one.into_iter().any(|pattern| matches(pattern, below)) {
            return Ok(false);
        }
        push(members, below);
        Ok(true)
    }

    /// Writes the Cargo.toml and returns its path.
    pub(super) fn save(self) -> Result<PathBuf, NewError> {
        atomic_file::write(&self.path, self.document.to_string().as_bytes())
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

/// Adds a member in the style of the others: on its own line if they are.
fn push(members: &mut Array, member: &str) {
    let before = members
        .iter()
        .last()
        .and_then(|last| last.decor().prefix()?.as_str());
    let before = before.map(str::to_owned);
    members.push(member);
    if let (Some(prefix), Some(last)) = (
        before.filter(|text| text.contains('\n')),
        members.len().checked_sub(1),
    ) && let Some(value) = members.get_mut(last)
    {
        // Without the comment above the last member.
        let indent = prefix.rsplit('\n').next().unwrap_or_default();
        value.decor_mut().set_prefix(format!("\n{indent}"));
    }
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
}
