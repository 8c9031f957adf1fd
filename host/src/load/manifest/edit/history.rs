//! The undo history of a manifest file.

use std::fs;
use std::io;
use std::path::Path;

use super::{Edit, EditError, edited};
use crate::load::atomic_file;
use crate::load::site_file::read_to_show;

/// How many edits can be undone.
const MAX_UNDO: usize = 50;

/// The edits of one file, oldest first.
#[derive(Debug, Default)]
pub struct History(Vec<Step>);

#[derive(Debug)]
struct Step {
    before: String,
    after: String,
}

impl History {
    /// Applies `edit` to the file at `path`.
    ///
    /// # Errors
    ///
    /// If the text does not have what the edit names, or the file cannot be read or written.
    pub fn edit(&mut self, path: &Path, edit: &Edit) -> Result<(), EditError> {
        let before = read_to_show(path)?;
        let after = edited(&before, edit)?;
        replace(path, &after)?;
        if self.0.len() == MAX_UNDO {
            self.0.remove(0);
        }
        self.0.push(Step { before, after });
        Ok(())
    }

    /// Whether the last edit can be undone in this text.
    pub fn undoable(&self, text: &str) -> bool {
        self.0.last().is_some_and(|step| step.after == text)
    }

    /// Undoes the last edit.
    ///
    /// # Errors
    ///
    /// If there is none, or the file has changed since.
    pub fn undo(&mut self, path: &Path) -> Result<(), EditError> {
        let now = read_to_show(path)?;
        if self.0.is_empty() {
            return Err(EditError::NothingToUndo);
        }
        let last = self.0.pop_if(|step| step.after == now);
        let step = last.ok_or(EditError::ChangedSince)?;
        replace(path, &step.before)?;
        Ok(())
    }
}

/// Replaces a file atomically. A symbolic link stays a link.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    atomic_file::write(&fs::canonicalize(path)?, text.as_bytes())
}
