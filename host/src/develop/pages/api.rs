//! The inspector's JSON API.

use std::error::Error;
use std::sync::PoisonError;
use std::time::Instant;

use http::StatusCode;
use http_body_util::LengthLimitError;
use serde_json::{Value, json};

use super::Inspector;
use crate::load::manifest::edit::{Edit, EditError, directives};
use crate::load::site_file;

/// An error response.
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl ApiError {
    fn new(status: StatusCode, why: impl ToString) -> Self {
        let why = why.to_string();
        Self { status, why }
    }

    /// The request's body could not be read within the limit of `longest` bytes.
    pub(super) fn unreadable_body(error: &(dyn Error + 'static), longest: usize) -> Self {
        if error.is::<LengthLimitError>() {
            let why = format!("the request's body is longer than {longest} bytes");
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE, why);
        }
        let why = format!("cannot read the request's body: {error}");
        Self::new(StatusCode::BAD_REQUEST, why)
    }
}

/// The path does not exist.
pub(super) const MISSING: &str = "no such page: the inspector is at `/_stackup/`";

/// The manifest switches the inspector off.
pub(super) const OFF: &str =
    "the inspector is off: the manifest sets `inspector = false` in `[dev]`";

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        let what = match error.is_data() {
            true => "invalid edit",
            false => "invalid JSON",
        };
        Self::new(StatusCode::BAD_REQUEST, format!("{what}: {error}"))
    }
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        Self::new(StatusCode::CONFLICT, error)
    }
}

impl Inspector {
    /// Answers a GET of a path below `api/`.
    pub(super) fn get(&self, path: &str) -> Result<Value, ApiError> {
        let missing = || ApiError::new(StatusCode::NOT_FOUND, MISSING);
        Ok(match path {
            "stack" => self.stack(),
            "reloads" => json!(self.state.reloads()),
            "log" => json!(self.state.log()),
            "lint" => json!(self.findings.all()),
            "replays" => {
                let all = self.replays.reports();
                json!(all.iter().map(|report| &**report).collect::<Vec<_>>())
            }
            "requests" => {
                let all = self.recent.all();
                let summaries: Vec<_> = all.iter().map(|trace| trace.summary()).collect();
                json!(summaries)
            }
            _ if path.starts_with("replays/") => self.diff(path).ok_or_else(missing)?,
            _ => {
                let number = path.strip_prefix("requests/").ok_or_else(missing)?;
                let number = number.parse().map_err(|_| missing())?;
                let gone = "this request is no longer among the recent ones";
                let trace = self.recent.find(number);
                let trace = trace.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, gone))?;
                json!(trace.view())
            }
        })
    }

    /// The diff at `replays/GENERATION/INDEX`: of the bodies of a request whose answers differ.
    fn diff(&self, path: &str) -> Option<Value> {
        let (generation, index) = path.strip_prefix("replays/")?.split_once('/')?;
        let report = self.replays.report(generation.parse().ok()?)?;
        let index: usize = index.parse().ok()?;
        let diff = report.differing.get(index)?.diff()?;
        Some(json!({ "diff": diff }))
    }

    /// The stack that serves, with what was counted in each slot, and what the manifest says.
    fn stack(&self) -> Value {
        let generation = self.active.load();
        let slots: Vec<_> = generation
            .stack
            .slots
            .iter()
            .map(|slot| {
                json!({ "handler": slot.handler, "config": slot.config, "counts": slot.counts() })
            })
            .collect();
        // An unreadable manifest is reported as the state's problem.
        let text = site_file::read_to_show(&self.manifest).unwrap_or_default();
        json!({
            "state": self.state.to_json(),
            "manifest": self.manifest,
            "generations": self.registry.status(Instant::now()),
            "slots": slots,
            "directives": directives(&text),
            "undo": self.history().undoable(&text),
        })
    }

    /// Applies the edit in `body` to the manifest's file, which causes a normal reload.
    pub(super) async fn change(&self, path: &str, body: &[u8]) -> Result<Value, ApiError> {
        let missing = || ApiError::new(StatusCode::NOT_FOUND, MISSING);
        if !self.active.load().dev.inspector {
            return Err(ApiError::new(StatusCode::NOT_FOUND, OFF));
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
