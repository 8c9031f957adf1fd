//! What was changed in a manifest's file, to be undone.

use std::fs;
use std::io;
use std::path::Path;

use super::{Edit, EditError, edited};
use crate::load::atomic_file;

/// As many changes can be undone.
const MAX_UNDO: usize = 50;

/// The changes of one file, the oldest first.
#[derive(Debug, Default)]
pub struct History(Vec<Step>);

#[derive(Debug)]
struct Step {
    before: String,
    after: String,
}

impl History {
    /// Makes a change in the file at `path`.
    ///
    /// # Errors
    ///
    /// When its text does not say what is to be changed, or can't be written.
    pub fn edit(&mut self, path: &Path, edit: &Edit) -> Result<(), EditError> {
        let before = fs::read_to_string(path)?;
        let after = edited(&before, edit)?;
        replace(path, &after)?;
        if self.0.len() == MAX_UNDO {
            self.0.remove(0);
        }
        self.0.push(Step { before, after });
        Ok(())
    }

    /// Whether the change that was made last can be undone in this text.
    pub fn undoable(&self, text: &str) -> bool {
        self.0.last().is_some_and(|step| step.after == text)
    }

    /// Undoes the change that was made last.
    ///
    /// # Errors
    ///
    /// When there is none, or somebody else has changed the file since.
    pub fn undo(&mut self, path: &Path) -> Result<(), EditError> {
        let now = fs::read_to_string(path)?;
        if self.0.is_empty() {
            return Err(EditError::NothingToUndo);
        }
        let last = self.0.pop_if(|step| step.after == now);
        let step = last.ok_or(EditError::ChangedSince)?;
        replace(path, &step.before)?;
        Ok(())
    }
}

/// Puts `text` in the place of a file at once, so that nobody reads half of it. A link stays one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    atomic_file::write(&fs::canonicalize(path)?, text.as_bytes())
}
