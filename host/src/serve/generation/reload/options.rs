//! What a [`Reloader`] does besides, set before its first reload.

use std::path::PathBuf;
use std::sync::Arc;

use super::Reloader;
use crate::load::library::{LibraryStore, Trust};
use crate::load::manifest::Embedded;
use crate::load::probe::Probe;
use crate::load::snapshot::{RejectedStack, Substitute};
use crate::load::watch::{PendingChanges, Watcher};
use crate::serve::figures::add_source;
use crate::serve::generation::plugin_builds::OnBuild;
use crate::serve::generation::recovery::OnCandidate;
use crate::serve::observe::{ObserveLayers, ObserveSwap};
use crate::services::Lent;

impl Reloader {
    /// Has `watcher` watch the sources of the libraries before they are built; `pending` is what has changed.
    #[must_use]
    pub fn watching(mut self, watcher: Arc<Watcher>, pending: Arc<PendingChanges>) -> Self {
        self.builds.watch(watcher, pending);
        self
    }

    /// Sets up by the manifest what this process lends plugins: the engine of the store, before the first stack, and limits.
    #[must_use]
    pub fn lending(mut self, lent: Lent) -> Self {
        add_source(&lent.figures, &self.registry(), &self.counters());
        self.loader.figures = Some(lent.figures.clone());
        self.lent = Some(lent);
        self
    }

    /// Saves the libraries of each active stack in `vault`.
    #[must_use]
    pub fn keeping(mut self, vault: LibraryStore) -> Self {
        self.recovery.vault = Some(vault);
        self
    }

    /// Calls `on_build` when a build of libraries starts and ends.
    #[must_use]
    pub fn on_build(mut self, on_build: OnBuild) -> Self {
        self.builds.on_build = Some(on_build);
        self
    }

    /// Calls `on_candidate` before a stack is built: from then on its code runs in this process.
    #[must_use]
    pub fn on_candidate(mut self, on_candidate: OnCandidate) -> Self {
        self.recovery.on_candidate = Some(on_candidate);
        self
    }

    /// Only tries stacks: none of them serves, though one may become active.
    #[must_use]
    pub fn as_trial(mut self) -> Self {
        self.loader.is_trial = true;
        self
    }

    /// Has `observer` observe the layers of each stack whose manifest asks for it (`[dev]`).
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn ObserveLayers>) -> Self {
        self.loader.observer = Some(observer);
        self
    }

    /// Has `observer` look on while generations replace one another.
    #[must_use]
    pub fn swaps_observed_by(mut self, observer: Arc<dyn ObserveSwap>) -> Self {
        self.swap_observer = Some(observer);
        self
    }

    /// Counts generations from `number` on, refuses the stacks to `avoid`, and replaces quarantined libraries as
    /// `instead` says.
    #[must_use]
    pub fn after(
        mut self,
        number: u64,
        avoid: Vec<RejectedStack>,
        instead: Vec<Substitute>,
    ) -> Self {
        self.generations.number = number;
        self.recovery.rolled_back = avoid;
        self.loader.context.instead = instead;
        self
    }

    /// Has `probe` try out every new handler before it is loaded.
    #[must_use]
    pub fn probing(self, probe: Box<dyn Probe>) -> Self {
        self.loader.probe_with(probe);
        self
    }

    /// Warns of what a plugin changes for the whole process even if it is set back where it serves; there, the log says so.
    #[must_use]
    pub fn telling_what_is_set_back(mut self) -> Self {
        self.loader.context.tells_all_changes = true;
        self
    }

    /// Its stacks stand inside another program.
    #[must_use]
    pub fn embedded(mut self, embedded: Embedded) -> Self {
        self.loader.embedded = Some(embedded);
        self
    }

    /// Requires every library to be in the lock beside the manifest.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.loader.locked = true;
        self
    }

    /// Accepts whose files `trust` says, whatever the manifest says.
    #[must_use]
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.loader.context.trust = trust;
        self
    }

    /// Finds the manifest at `location`, an absolute path whose links are followed at each reload.
    #[must_use]
    pub fn located_at(mut self, location: PathBuf) -> Self {
        self.loader.location = location;
        self.loader.follow_links();
        self
    }
}
