//! Small changes to a manifest's text: a middleware is moved, or switched off and on. All else of the
//! text, comments included, stays as it is.

mod history;
mod inline;
mod level;
mod tables;

use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item};

pub use self::history::History;
use self::level::{each_level, label, level_at, run};

/// A change to one `use`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EditRequest")]
pub struct Edit {
    /// Where its list is: empty for the top level, `map.0`, `cascade.1.map.0`, ….
    pub level: String,
    /// Its place in the list, those that are off included, from 0.
    pub index: usize,
    /// Its plugin. A manifest that says something else there has changed meanwhile.
    pub plugin: String,
    /// What is to become of it.
    pub change: Change,
}

/// What is to become of a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It goes to this place of its list.
    Move(usize),
    /// It is left out (`off = true`), or not any longer.
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
            (None, None) => return Err("neither `move` nor `off` says what is to become of it"),
            (Some(_), Some(_)) => return Err("`move` and `off` are two changes: ask for one"),
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

/// Why a change can't be made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is not as it was.
    #[error("the manifest has changed meanwhile: look again, and repeat it")]
    Changed,
    /// Nobody can tell what is where.
    #[error("the manifest is not valid TOML: mend it by hand first\n{0}")]
    Invalid(#[from] toml_edit::TomlError),
    /// No change was made, or all are undone.
    #[error("there is nothing to undo: no change was made from here")]
    NothingToUndo,
    /// The last change would not be all that is undone.
    #[error("the manifest has been changed since by somebody else: undo it by hand")]
    ChangedSince,
    /// The file can't be read or written.
    #[error("the manifest can't be changed: {0}")]
    File(#[from] std::io::Error),
}

/// A list of `use`, as a text has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UseList {
    /// Where it is, as in [`Edit::level`].
    pub level: String,
    /// `map /admin`, `cascade`; empty for the top level.
    pub label: String,
    /// The app's plugin, where there is one.
    pub run: Option<String>,
    /// What each says.
    pub uses: Vec<Use>,
}

/// One `use`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// `plugin` or `plugin#handler`.
    pub plugin: String,
    /// Whether it is left out for now.
    pub off: bool,
}

/// Every list of `use` in a manifest's text; none if it is no TOML.
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

/// `text` with the change made.
///
/// # Errors
///
/// When the text does not say what is to be changed.
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
