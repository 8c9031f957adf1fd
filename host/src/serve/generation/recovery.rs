//! Stacks that can be had again, and those that are not to be.

use super::reload::Reloader;
use super::resolve::Resolved;
use crate::load::library::Fingerprint;
use crate::load::manifest::Manifest;
use crate::load::snapshot::{RejectedStack, SavedLibrary, Snapshot, SupervisorRules};
use crate::serve::stack::Outline;

/// Is told which stack begins to be built, and when nothing came of it.
pub type OnCandidate = Box<dyn Fn(Option<&str>) + Send>;

impl Reloader {
    /// The same, telling which stack is about to be built: its code runs here from then on.
    #[must_use]
    pub fn on_candidate(mut self, on_candidate: OnCandidate) -> Self {
        self.on_candidate = Some(on_candidate);
        self
    }

    pub(super) fn announce_candidate(&self, state: Option<&str>) {
        if let Some(on_candidate) = &self.on_candidate {
            on_candidate(state);
        }
    }

    /// The stack that serves, if its libraries could be kept.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// Takes up again what was rolled back or quarantined.
    pub fn clear_rejections(&mut self) {
        self.avoid.clear();
        self.place.instead.clear();
    }

    pub(super) fn keep(&self, resolved: &Resolved) -> Option<Vec<SavedLibrary>> {
        let kept = resolved.keep(self.vault.as_ref()?, self.number + 1);
        if let Err(error) = &kept {
            tracing::warn!(
                "the libraries can't be kept, so a crash would go back to an older stack: {error}"
            );
        }
        kept.ok()
    }

    pub(super) fn take_snapshot(
        &self,
        text: String,
        state: String,
        libraries: Vec<SavedLibrary>,
    ) -> Snapshot {
        Snapshot {
            generation: self.number,
            state,
            manifest: text,
            libraries,
            rules: self.manifest().map(rules).unwrap_or_default(),
        }
    }
}

/// Tells a stack from others: its order, code and config.
pub(super) fn state(outline: &Outline) -> String {
    Fingerprint::of(outline.to_string().as_bytes()).to_string()
}

/// Why a stack that was rolled back is refused.
pub(super) fn rolled_back(avoid: &RejectedStack) -> String {
    format!(
        "this very stack was rolled back: {}\nchange the plugin or the manifest; or, to try it once more \
         as it is, run `stackup reload --retry`",
        avoid.reason
    )
}

fn rules(manifest: &Manifest) -> SupervisorRules {
    let milliseconds =
        |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    SupervisorRules {
        drain_timeout: milliseconds(manifest.limits.drain_timeout),
        shutdown_timeout: milliseconds(manifest.limits.shutdown_timeout),
        crashes: manifest.failures.crashes,
        crash_window: milliseconds(manifest.failures.crash_window),
    }
}
