//! What a swap changes: two outlines side by side.

use std::fmt;
use std::path::Path;

use super::outline::{Line, Outline};

/// A line of the diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened to it.
    pub mark: Mark,
    /// The number of maps around it.
    pub depth: usize,
    /// The directive.
    pub label: String,
    /// What changed in it; empty if it was added, removed or moved.
    pub detail: String,
}

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Added here.
    Added,
    /// Removed from here.
    Removed,
    /// In the same place, with other code or config.
    Changed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.mark {
            Mark::Added => '+',
            Mark::Removed => '-',
            Mark::Changed => '~',
        };
        write!(
            f,
            "{sign} {:indent$}{}",
            "",
            self.label,
            indent = 2 * self.depth
        )?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

/// The change of the folder that relative paths start from, if it is another one.
pub fn folder_change(old: Option<&Path>, new: &Path) -> Option<Change> {
    let old = old.filter(|old| *old != new)?;
    Some(Change {
        mark: Mark::Changed,
        depth: 0,
        label: "folder of the manifest".to_owned(),
        detail: format!("{} in place of {}", new.display(), old.display()),
    })
}

/// The changes from `old` to `new`, in the order of the new stack.
pub fn diff(old: &Outline, new: &Outline) -> Vec<Change> {
    let key = |entry: &(usize, Line)| (entry.0, entry.1.label());
    let (old_keys, new_keys): (Vec<_>, Vec<_>) = (
        old.lines.iter().map(key).collect(),
        new.lines.iter().map(key).collect(),
    );
    let mut changes = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    for (from, to) in common(&old_keys, &new_keys)
        .into_iter()
        .chain([(old_keys.len(), new_keys.len())])
    {
        changes.extend(
            old_keys[at_old..from]
                .iter()
                .map(|key| moved(Mark::Removed, key)),
        );
        changes.extend(
            new_keys[at_new..to]
                .iter()
                .map(|key| moved(Mark::Added, key)),
        );
        if let (Some((_, before)), Some((depth, after))) = (old.lines.get(from), new.lines.get(to))
        {
            let detail = compare(before, after);
            if !detail.is_empty() {
                changes.push(Change {
                    mark: Mark::Changed,
                    depth: *depth,
                    label: after.label(),
                    detail,
                });
            }
        }
        (at_old, at_new) = (from + 1, to + 1);
    }
    changes
}

fn moved(mark: Mark, (depth, label): &(usize, String)) -> Change {
    Change {
        mark,
        depth: *depth,
        label: label.clone(),
        detail: String::new(),
    }
}

fn compare(before: &Line, after: &Line) -> String {
    if let (Line::Map { limits: before, .. }, Line::Map { limits: after, .. }) = (before, after)
        && before != after
    {
        return "limits".to_owned();
    }
    let (Some(before), Some(after)) = (before.piece(), after.piece()) else {
        return String::new();
    };
    let mut parts = Vec::new();
    if before.fingerprint != after.fingerprint {
        parts.push(format!(
            "code {} → {}",
            before.fingerprint, after.fingerprint
        ));
    }
    if before.version != after.version {
        parts.push(format!("version {} → {}", before.version, after.version));
    }
    if before.config != after.config {
        parts.push("config".to_owned());
    }
    if before.on_failure != after.on_failure {
        parts.push("on_failure".to_owned());
    }
    parts.join(", ")
}

/// The indices of a longest common subsequence.
fn common<T: PartialEq>(old: &[T], new: &[T]) -> Vec<(usize, usize)> {
    let mut lengths = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i][j] = if old[i] == new[j] {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[i + 1][j] >= lengths[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::super::outline::OutlineHandler;
    use super::*;
    use crate::load::manifest::{Config, OnFailure};

    fn outline(names: &[(&str, &str)]) -> Outline {
        let mut outline = Outline::default();
        for (name, fingerprint) in names {
            let piece = OutlineHandler {
                name: (*name).to_owned(),
                version: "0.1.0".to_owned(),
                fingerprint: (*fingerprint).to_owned(),
                config: Config::default(),
                shown: serde_json::Map::new(),
                on_failure: OnFailure::default(),
            };
            outline.lines.push((0, Line::Use(piece)));
        }
        outline
    }

    fn shown(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<String> {
        diff(&outline(old), &outline(new))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn same_stack_has_no_changes() {
        assert!(shown(&[("a", "1"), ("b", "1")], &[("a", "1"), ("b", "1")]).is_empty());
    }

    #[test]
    fn added_removed_and_moved_layers_are_listed() {
        assert_eq!(shown(&[("a", "1")], &[("a", "1"), ("b", "1")]), ["+ use b"]);
        assert_eq!(shown(&[("a", "1"), ("b", "1")], &[("b", "1")]), ["- use a"]);
        assert_eq!(
            shown(&[("a", "1"), ("b", "1")], &[("b", "1"), ("a", "1")]),
            ["- use a", "+ use a"]
        );
    }

    #[test]
    fn new_code_is_a_change_in_place() {
        assert_eq!(
            shown(&[("a", "1")], &[("a", "2")]),
            ["~ use a (code 1 → 2)"]
        );
    }

    #[test]
    fn new_policy_is_a_change_in_place() {
        let (old, mut new) = (outline(&[("a", "1")]), outline(&[("a", "1")]));
        if let (_, Line::Use(piece)) = &mut new.lines[0] {
            piece.on_failure = OnFailure::Bypass;
        }
        assert_eq!(diff(&old, &new)[0].to_string(), "~ use a (on_failure)");
        assert_eq!(new.to_string(), "use a  0.1.0 1  bypassed on failure");
    }

    #[test]
    fn cascade_is_shown_with_its_statuses() {
        let tried = |catch: &[u16]| {
            let mut outline = outline(&[("a", "1")]);
            let catch = catch.to_vec();
            outline.lines.insert(0, (0, Line::Tried { catch }));
            outline.lines[1].0 = 1;
            outline
        };
        let (old, new) = (tried(&[404, 405]), tried(&[404]));
        assert_eq!(
            old.to_string(),
            "cascade 404, 405\n  use a           0.1.0 1"
        );
        let changes: Vec<_> = diff(&old, &new).iter().map(ToString::to_string).collect();
        assert_eq!(changes, ["- cascade 404, 405", "+ cascade 404"]);
    }
}
