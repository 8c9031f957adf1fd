//! Small edits of a manifest's text: move a middleware, or turn it off or on. The rest of the text,
//! including comments, does not change.

mod history;
mod level;
mod uses;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use self::history::History;
use self::level::{each_level, label, level_at, run};
use self::uses::UsesText;

/// An edit of one `use`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EditRequest")]
pub struct Edit {
    /// The level of its list: empty for the top, `map.0`, `cascade.1.map.0`, ….
    pub level: String,
    /// Its index in the list, counting entries that are off.
    pub index: usize,
    /// Its plugin. If the manifest has another one at this index, it has changed since.
    pub plugin: String,
    /// The change.
    pub change: Change,
}

/// A change to one `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Move it to this index of its list.
    Move(usize),
    /// Turn it off (`off = true`), or on again.
    Off(bool),
}

/// An edit as it is request for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditRequest {
    level: String,
    index: usize,
    plugin: String,
    #[serde(rename = "move")]
    to: Option<usize>,
    off: Option<bool>,
}

impl TryFrom<EditRequest> for Edit {
    type Error = &'static str;

    fn try_from(request: EditRequest) -> Result<Self, Self::Error> {
        let change = match (request.to, request.off) {
            (Some(to), None) => Change::Move(to),
            (None, Some(off)) => Change::Off(off),
            (None, None) => return Err("missing `move` or `off`"),
            (Some(_), Some(_)) => return Err("`move` and `off` cannot be used together"),
        };
        let EditRequest {
            level,
            index,
            plugin,
            ..
        } = request;
        Ok(Self {
            level,
            index,
            plugin,
            change,
        })
    }
}

/// Why an edit failed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The text does not have what the edit names.
    #[error("the manifest has changed since: check it and try again")]
    Changed,
    /// The text is not valid TOML.
    // Its `Display` would quote the line, which may have a secret.
    #[error("the manifest is not valid TOML: fix it by hand first\n{}", .0.message())]
    Invalid(#[from] toml::de::Error),
    /// No edit was made, or all are undone.
    #[error("nothing to undo: no edit was made here")]
    NothingToUndo,
    /// An undo would also undo changes that are not ours.
    #[error("the manifest has changed since the last edit: undo it by hand")]
    ChangedSince,
    /// The file cannot be read or written.
    #[error("failed to edit the manifest: {0}")]
    File(#[from] std::io::Error),
}

/// A `use` list, as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UseList {
    /// Its level, as in [`Edit::level`].
    pub level: String,
    /// `map /admin`, `cascade`; empty for the top level.
    pub label: String,
    /// The app's plugin, where there is one.
    pub run: Option<String>,
    /// Its entries.
    pub uses: Vec<Use>,
}

/// One `use`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// `plugin` or `plugin#handler`.
    pub plugin: String,
    /// Whether it is off.
    pub off: bool,
}

/// Every `use` list in a manifest's text. Empty if the text is not valid TOML.
pub fn directives(text: &str) -> Vec<UseList> {
    let Ok(tree) = DeTable::parse(text) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    each_level(tree.get_ref(), "", &mut |level, table| {
        let uses = match table.get("use").map(Spanned::get_ref) {
            Some(DeValue::Array(list)) => list.iter().map(uses::read).collect(),
            _ => Vec::new(),
        };
        all.push(UseList {
            level: level.to_owned(),
            label: label(level, table),
            run: table.get("run").and_then(run),
            uses,
        });
    });
    all
}

/// `text` with the edit applied.
///
/// # Errors
///
/// If the text does not have what the edit names.
pub fn edited(text: &str, edit: &Edit) -> Result<String, EditError> {
    let tree = DeTable::parse(text)?;
    let level = level_at(tree.get_ref(), &edit.level).ok_or(EditError::Changed)?;
    let list = level.get("use").ok_or(EditError::Changed)?;
    let DeValue::Array(entries) = list.get_ref() else {
        return Err(EditError::Changed);
    };
    let entry = entries.get(edit.index).ok_or(EditError::Changed)?;
    if uses::read(entry).plugin != edit.plugin {
        return Err(EditError::Changed);
    }
    let uses = UsesText {
        text,
        tree: tree.get_ref(),
        list: entries,
        span: list.span(),
    };
    let edited = match edit.change {
        Change::Move(to) => uses.moved(edit.index, to),
        Change::Off(off) => uses.set_off(edit.index, off),
    };
    edited.ok_or(EditError::Changed)
}

#[cfg(test)]
mod tests;
