//! Stacks that can be restored, and those that were rolled back.

use std::path::Path;

use super::refusal::{Refusal, Stage};
use super::resolve::Resolved;
use crate::load::library::{Fingerprint, LibraryStore};
use crate::load::manifest::Manifest;
use crate::load::snapshot::{RejectedStack, SavedLibrary, Snapshot, SupervisorRules};
use crate::serve::stack::Outline;

/// Called with the state of a stack before it is built, and with none when it was not.
pub type OnCandidate = Box<dyn Fn(Option<&str>) + Send + Sync>;

/// Saves the libraries of each stack, so that it can be restored, and refuses stacks that were rolled back.
#[derive(Default)]
pub(super) struct Recovery {
    pub(super) vault: Option<LibraryStore>,
    pub(super) rolled_back: Vec<RejectedStack>,
    pub(super) on_candidate: Option<OnCandidate>,
    /// The active stack, if its libraries could be saved.
    pub(super) snapshot: Option<Snapshot>,
}

impl Recovery {
    pub(super) fn announce(&self, state: Option<&str>) {
        if let Some(on_candidate) = &self.on_candidate {
            on_candidate(state);
        }
    }

    /// Refuses a stack that was rolled back.
    pub(super) fn admit(&self, state: &str) -> Result<(), Refusal> {
        match self.rolled_back.iter().find(|avoid| avoid.state == state) {
            Some(avoid) => Err(Stage::RolledBack.refuses(rolled_back(avoid))),
            None => Ok(()),
        }
    }

    /// Saves the libraries of a candidate.
    pub(super) fn save(&self, resolved: &Resolved, generation: u64) -> Option<Vec<SavedLibrary>> {
        let saved = resolved.keep(self.vault.as_ref()?, generation);
        if let Err(error) = &saved {
            tracing::warn!(
                "the libraries can't be saved, so a crash would go back to an older stack: {error}"
            );
        }
        saved.ok()
    }
}

/// Identifies a stack by its order, code and config, and by the folder that its relative paths start from.
pub(super) fn state(outline: &Outline, directory: &Path) -> String {
    // What is shown hides secrets; a stack with another one is another stack.
    let configs = outline.handlers().map(|handler| handler.config.to_json());
    let configs: Vec<String> = configs.collect();
    let text = format!("{outline}\n{}\n{}", directory.display(), configs.join("\n"));
    Fingerprint::of(text.as_bytes()).to_string()
}

fn rolled_back(avoid: &RejectedStack) -> String {
    format!(
        "this very stack was rolled back: {}\nchange the plugin or the manifest; or, to try it once more \
         as it is, run `stackup reload --retry`",
        avoid.reason
    )
}

/// The settings of `manifest` that the supervisor applies.
pub(super) fn rules(manifest: &Manifest) -> SupervisorRules {
    let milliseconds =
        |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    SupervisorRules {
        drain_timeout: milliseconds(manifest.limits.drain_timeout),
        upgrade_drain: milliseconds(manifest.limits.upgrade_drain),
        shutdown_timeout: milliseconds(manifest.limits.shutdown_timeout),
        crashes: manifest.failures.crashes,
        crash_window: milliseconds(manifest.failures.crash_window),
        worker_timeout: manifest.limits.worker_timeout.map(milliseconds),
    }
}
