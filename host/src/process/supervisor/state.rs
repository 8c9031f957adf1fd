//! What the supervisor knows of stacks, whichever worker serves them.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::load::snapshot::{RejectedStack, SavedLibrary, Snapshot, Substitute, SupervisorRules};
use crate::policy::{Backoff, Quarantine};
use crate::serve::generation::ReloadRecord;

/// How many reloads and incidents are remembered.
const REMEMBERED: usize = 50;

/// What must survive every worker, and an upgrade of the supervisor.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The last number of a generation.
    pub(super) generation: u64,
    /// The last number of a reload.
    pub(super) reloads: u64,
    /// The last number of a worker.
    pub(super) workers: u32,
    /// The stack that served last.
    pub(super) active: Option<Snapshot>,
    /// The stack that passed its probation last.
    pub(super) good: Option<Snapshot>,
    /// The library that each plugin had in a good stack before it had the one it has now.
    before: BTreeMap<String, SavedLibrary>,
    /// The candidate that is being built, if one is.
    pub(super) trying: Option<String>,
    /// Stacks that were rolled back.
    #[serde(rename = "avoid")]
    pub(super) rejected: Vec<RejectedStack>,
    pub(super) quarantine: Quarantine,
    /// What each library in quarantine has done.
    #[serde(rename = "guilt")]
    pub(super) quarantine_causes: BTreeMap<String, QuarantineCause>,
    pub(super) backoff: Backoff,
    /// The last reloads, oldest first.
    pub(super) records: VecDeque<ReloadRecord>,
    /// What went wrong lately, oldest first.
    pub(super) incidents: VecDeque<Incident>,
    /// How many workers died that should not have.
    pub(super) crashes: u64,
    /// How many workers were replaced in good order.
    pub(super) renewals: u64,
}

/// Why a library is in quarantine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct QuarantineCause {
    /// Its plugin, as the manifest names it.
    pub(super) plugin: String,
    /// For a person.
    pub(super) reason: String,
}

/// Something that went wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Incident {
    /// In milliseconds since the Unix epoch.
    pub(super) at: u64,
    /// What, for a person.
    pub(super) text: String,
}

impl State {
    /// What the manifest that serves asks for.
    pub(super) fn rules(&self) -> SupervisorRules {
        let snapshot = self.active.as_ref().or(self.good.as_ref());
        snapshot.map(|snapshot| snapshot.rules).unwrap_or_default()
    }

    /// Whether the active stack has still to prove itself.
    pub(super) fn on_probation(&self) -> bool {
        let state = |stack: &Option<Snapshot>| stack.as_ref().map(|stack| stack.state.clone());
        state(&self.active) != state(&self.good)
    }

    /// A stack serves.
    pub(super) fn serves(&mut self, snapshot: Snapshot) {
        self.generation = self.generation.max(snapshot.generation);
        self.trying = None;
        // other code or order is another try.
        self.rejected
            .retain(|rejected| rejected.state != snapshot.state);
        self.active = Some(snapshot);
    }

    /// The active stack has passed its probation. Whether it still is the active one.
    pub(super) fn proven(&mut self, generation: u64) -> bool {
        let Some(active) = self
            .active
            .clone()
            .filter(|stack| stack.generation == generation)
        else {
            return false;
        };
        let good = self.good.take();
        // What was rolled back may have failed beside something that is gone now. If it is the stack that
        // was gone back to, nothing is.
        if good.as_ref().is_none_or(|good| good.state != active.state) {
            self.rejected.clear();
        }
        if let Some(good) = good {
            for kept in good.libraries {
                let now = active
                    .libraries
                    .iter()
                    .find(|now| now.plugin == kept.plugin);
                if now.is_none_or(|now| now.fingerprint != kept.fingerprint) {
                    self.before.insert(kept.plugin.clone(), kept);
                }
            }
        }
        self.good = Some(active);
        true
    }

    /// What stands in for each library in quarantine.
    pub(super) fn substitutes(&self) -> Vec<Substitute> {
        let held = self.quarantine.entries();
        held.filter_map(|(fingerprint, _)| {
            let cause = self.quarantine_causes.get(fingerprint)?;
            Some(Substitute {
                fingerprint: fingerprint.parse().ok()?,
                reason: cause.reason.clone(),
                before: self.before(&cause.plugin).cloned(),
            })
        })
        .collect()
    }

    /// The last good library of a plugin that is not in quarantine.
    fn before(&self, plugin: &str) -> Option<&SavedLibrary> {
        let good = self.good.iter().flat_map(|stack| &stack.libraries);
        let fit = |kept: &&SavedLibrary| {
            kept.plugin == plugin && !self.quarantine.contains(&kept.fingerprint.to_string())
        };
        good.chain(self.before.get(plugin)).find(fit)
    }

    /// Lets every library out and takes every stack again.
    pub(super) fn clear_failures(&mut self) {
        self.rejected.clear();
        self.quarantine = Quarantine::default();
        self.quarantine_causes.clear();
    }

    /// The files in the vault that may be needed.
    pub(super) fn kept(&self) -> HashSet<&Path> {
        let stacks = self.active.iter().chain(&self.good);
        let libraries = stacks.flat_map(|stack| &stack.libraries);
        libraries
            .chain(self.before.values())
            .map(|kept| kept.copy.as_path())
            .collect()
    }

    pub(super) fn remember(&mut self, record: ReloadRecord) {
        self.reloads = self.reloads.max(record.number);
        push(&mut self.records, record);
    }

    pub(super) fn note(&mut self, at: u64, text: String) {
        push(&mut self.incidents, Incident { at, text });
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(item);
}
