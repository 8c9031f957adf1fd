//! What the inspector asks for, as JSON.

use std::error::Error;
use std::sync::PoisonError;
use std::time::Instant;

use http::StatusCode;
use http_body_util::LengthLimitError;
use serde_json::{Value, json};

use super::Inspector;
use crate::load::manifest::edit::{Edit, EditError, directives};
use crate::load::manifest::secret::{self, hide};

/// Why there is no answer.
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl Fault {
    fn new(status: StatusCode, why: impl ToString) -> Self {
        let why = why.to_string();
        Self { status, why }
    }

    /// The request's body, of which at most so many bytes are read, did not come to its end.
    pub(super) fn unread(error: &(dyn Error + 'static), longest: usize) -> Self {
        if error.is::<LengthLimitError>() {
            let why = format!("a change has at most {longest} bytes");
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE, why);
        }
        let why = format!("the request's body can't be read: {error}");
        Self::new(StatusCode::BAD_REQUEST, why)
    }
}

/// Nothing lies at a path.
pub(super) const MISSING: &str = "there is nothing here: the inspector is at `/_stackup/`";

/// Something does, but the manifest says that nobody is to see it.
pub(super) const OFF: &str =
    "the inspector is switched off: the manifest says `[dev] inspector = false`";

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        let what = match error.is_data() {
            true => "this is no change that can be made",
            false => "this is not JSON",
        };
        Self::new(StatusCode::BAD_REQUEST, format!("{what}: {error}"))
    }
}

impl From<EditError> for Fault {
    fn from(error: EditError) -> Self {
        Self::new(StatusCode::CONFLICT, error)
    }
}

impl Inspector {
    /// What lies at a path below `api/`.
    pub(super) fn shown(&self, path: &str) -> Result<Value, Fault> {
        let missing = || Fault::new(StatusCode::NOT_FOUND, MISSING);
        Ok(match path {
            "stack" => self.stack(),
            "reloads" => json!(self.board.reloads()),
            "log" => json!(self.board.log()),
            "lint" => json!(self.findings.all()),
            "requests" => {
                let all = self.recent.all();
                let summaries: Vec<_> = all.iter().map(|trace| trace.summary()).collect();
                json!(summaries)
            }
            _ => {
                let number = path.strip_prefix("requests/").ok_or_else(missing)?;
                let number = number.parse().map_err(|_| missing())?;
                let gone = "this request is not remembered any more";
                let trace = self.recent.find(number);
                let trace = trace.ok_or_else(|| Fault::new(StatusCode::NOT_FOUND, gone))?;
                json!(trace.view())
            }
        })
    }

    /// The stack that serves, with what was counted in each slot, and what the manifest says.
    fn stack(&self) -> Value {
        let generation = self.active.load();
        let slots: Vec<_> = generation
            .stack
            .slots
            .iter()
            .map(|slot| {
                let config = hide(&Value::Object(slot.config.clone()));
                json!({ "handler": slot.handler, "config": config, "counts": slot.counts() })
            })
            .collect();
        // A manifest that can't be read is told of as a problem.
        let text = std::fs::read_to_string(&self.manifest).unwrap_or_default();
        json!({
            "state": self.board.shown(),
            "manifest": self.manifest,
            "generations": self.registry.status(Instant::now()),
            "slots": slots,
            "directives": directives(&text),
            "secret": secret::PARTS,
            "undo": self.history().undoable(&text),
        })
    }

    /// Changes the manifest as `body` says; the ordinary reload does the rest.
    pub(super) async fn change(&self, path: &str, body: &[u8]) -> Result<Value, Fault> {
        let missing = || Fault::new(StatusCode::NOT_FOUND, MISSING);
        if !self.active.load().dev.inspector {
            return Err(Fault::new(StatusCode::NOT_FOUND, OFF));
        }
        match path {
            "api/edit" => {
                let edit: Edit = serde_json::from_slice(body)?;
                self.history().edit(&self.manifest, &edit)?;
            }
            "api/undo" => self.history().undo(&self.manifest)?,
            _ => return Err(missing()),
        }
        Ok(json!({}))
    }

    fn history(&self) -> std::sync::MutexGuard<'_, crate::load::manifest::edit::History> {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
