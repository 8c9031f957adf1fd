//! Small edits of a manifest's text: move a middleware, or turn it off or on. The rest of the text,
//! including comments, does not change.

mod history;
mod inline;
mod level;
mod tables;

use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item};

pub use self::history::History;
use self::level::{each_level, label, level_at, run};

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
    #[error("the manifest is not valid TOML: fix it by hand first\n{0}")]
    Invalid(#[from] toml_edit::TomlError),
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
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    each_level(document.as_table_mut(), "", &mut |level, table| {
        all.push(UseList {
            level: level.to_owned(),
            label: label(level, table),
            run: table.get("run").and_then(run),
            uses: table.get_mut("use").map(uses).unwrap_or_default(),
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
    let mut document = text.parse::<DocumentMut>()?;
    tables::space_out(document.as_table_mut());
    let level = level_at(document.as_table_mut(), &edit.level).ok_or(EditError::Changed)?;
    let list = level.get_mut("use").ok_or(EditError::Changed)?;
    let all = uses(list);
    let is = all.get(edit.index).ok_or(EditError::Changed)?;
    if is.plugin != edit.plugin {
        return Err(EditError::Changed);
    }
    match (&edit.change, list) {
        (Change::Move(to), _) if *to >= all.len() => return Err(EditError::Changed),
        (Change::Move(to), Item::ArrayOfTables(list)) => tables::move_entry(list, edit.index, *to),
        (Change::Move(to), list) => {
            let list = list.as_array_mut().ok_or(EditError::Changed)?;
            inline::move_entry(list, edit.index, *to);
        }
        (Change::Off(off), Item::ArrayOfTables(list)) => tables::set_off(list, edit.index, *off),
        (Change::Off(off), list) => {
            let list = list.as_array_mut().ok_or(EditError::Changed)?;
            inline::set_off(list, edit.index, *off);
        }
    }
    Ok(document.to_string())
}

fn uses(list: &mut Item) -> Vec<Use> {
    match list {
        Item::ArrayOfTables(list) => list.iter().map(tables::read).collect(),
        list => match list.as_array() {
            Some(list) => list.iter().map(inline::read).collect(),
            None => Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests;
