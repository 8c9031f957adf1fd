//! What the supervisor knows about stacks, whichever worker serves them.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::history::History;

use crate::load::certificates::KeptCertificates;
use crate::load::snapshot::{RejectedStack, SavedLibrary, Snapshot, Substitute, SupervisorRules};
use crate::policy::{Backoff, Quarantine};
use crate::serve::generation::ReloadRecord;
use crate::serve::server::tls::TicketSecret;

/// How many reloads and incidents are kept.
const REMEMBERED: usize = 50;

/// What survives workers and upgrades. Serialized names stay, because an upgrade reads what the previous
/// version wrote.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The number of the last generation.
    pub(super) generation: u64,
    /// The number of the last reload.
    pub(super) reloads: u64,
    /// The number of the last worker.
    pub(super) workers: u32,
    /// The active stack.
    pub(super) active: Option<Snapshot>,
    /// The rollback target: the last stack that passed its probation.
    pub(super) good: Option<Snapshot>,
    /// For each plugin, the library that a good stack had before the present one.
    before: BTreeMap<String, SavedLibrary>,
    /// The candidate that is being built, if any.
    pub(super) trying: Option<String>,
    /// Stacks that were rolled back.
    #[serde(rename = "avoid")]
    pub(super) rejected: Vec<RejectedStack>,
    pub(super) quarantine: Quarantine,
    /// Why each quarantined library is in quarantine.
    #[serde(rename = "guilt")]
    pub(super) quarantine_causes: BTreeMap<String, QuarantineCause>,
    pub(super) backoff: Backoff,
    /// The last reloads, oldest first.
    pub(super) records: VecDeque<ReloadRecord>,
    /// The last incidents, oldest first.
    pub(super) incidents: VecDeque<Incident>,
    /// How many workers have crashed.
    pub(super) crashes: u64,
    /// How many workers were replaced without a crash.
    pub(super) renewals: u64,
    /// What all workers encrypt the tickets of TLS sessions with, once one serves TLS.
    #[serde(default)]
    tickets: Option<TicketSecret>,
    /// The certificates that a worker has served last. In memory only, as those on the disk are what counts.
    #[serde(default)]
    pub(super) certificates: Vec<KeptCertificates>,
    /// The stacks that have served last.
    #[serde(default)]
    pub(super) history: History,
}

/// Why a library is in quarantine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct QuarantineCause {
    /// The plugin's name in the manifest.
    pub(super) plugin: String,
    /// As text for people.
    pub(super) reason: String,
}

/// Something that went wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Incident {
    /// In milliseconds since the Unix epoch.
    pub(super) at: u64,
    /// What, as text for people.
    pub(super) text: String,
}

impl State {
    /// The secret of TLS tickets, for a worker that starts now.
    pub(super) fn tickets(&mut self) -> Option<TicketSecret> {
        let now = SystemTime::now();
        if self.tickets.is_none() {
            self.tickets = TicketSecret::new(now);
        }
        self.forget_old_tickets();
        self.tickets.clone()
    }

    /// Old sessions are to be safe from whoever reads this process's memory.
    pub(super) fn forget_old_tickets(&mut self) {
        if let Some(tickets) = &mut self.tickets {
            tickets.forget(SystemTime::now());
        }
    }

    /// The rules of the active manifest.
    pub(super) fn rules(&self) -> SupervisorRules {
        let snapshot = self.active.as_ref().or(self.good.as_ref());
        snapshot.map(|snapshot| snapshot.rules).unwrap_or_default()
    }

    /// Whether the active stack is still on probation.
    pub(super) fn on_probation(&self) -> bool {
        let state = |stack: &Option<Snapshot>| stack.as_ref().map(|stack| stack.state.clone());
        state(&self.active) != state(&self.good)
    }

    /// A stack has become active at `now`, in milliseconds since the Unix epoch.
    pub(super) fn serves(&mut self, snapshot: Snapshot, now: u64) {
        self.history.serves(snapshot.clone(), now);
        self.generation = self.generation.max(snapshot.generation);
        self.trying = None;
        // A stack that is active again is no longer rejected.
        self.rejected
            .retain(|rejected| rejected.state != snapshot.state);
        self.active = Some(snapshot);
    }

    /// The stack of this generation has passed its probation. False if it is no longer the active one.
    pub(super) fn proven(&mut self, generation: u64) -> bool {
        let Some(active) = self
            .active
            .clone()
            .filter(|stack| stack.generation == generation)
        else {
            return false;
        };
        let good = self.good.take();
        // A rejected stack may have failed because of something that is gone now. That is not so if this
        // is the stack that was rolled back to, by a crash or by hand.
        let is_new = good.as_ref().is_none_or(|good| good.state != active.state);
        let is_chosen = |rejected: &RejectedStack| rejected.instead.as_ref() == Some(&active.state);
        if is_new && !self.rejected.iter().any(is_chosen) {
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

    /// A stack was rolled back.
    pub(super) fn reject(&mut self, rejected: RejectedStack) {
        self.history.rolled_back(&rejected.state, &rejected.reason);
        self.rejected
            .retain(|before| before.state != rejected.state);
        self.rejected.push(rejected);
    }

    /// The quarantined libraries, each with its substitute.
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

    /// A plugin's last good library that is not in quarantine.
    fn before(&self, plugin: &str) -> Option<&SavedLibrary> {
        let good = self.good.iter().flat_map(|stack| &stack.libraries);
        let fit = |kept: &&SavedLibrary| {
            kept.plugin == plugin
                && !self.quarantine.contains(&kept.fingerprint.to_string())
                // It may be lost (`SavedLibraries::restore`).
                && kept.copy.exists()
        };
        good.chain(self.before.get(plugin)).find(fit)
    }

    /// Lifts every quarantine and accepts rejected stacks again.
    pub(super) fn clear_failures(&mut self) {
        self.rejected.clear();
        self.quarantine = Quarantine::default();
        self.quarantine_causes.clear();
    }

    /// The files in the library store that may still be needed.
    pub(super) fn kept(&self) -> HashSet<&Path> {
        let libraries = self.kept_libraries();
        libraries.map(|kept| kept.copy.as_path()).collect()
    }

    /// The libraries that may be needed.
    pub(super) fn kept_libraries(&self) -> impl Iterator<Item = &SavedLibrary> {
        let stacks = self.active.iter().chain(&self.good);
        let stacks = stacks.chain(self.history.stacks());
        let libraries = stacks.flat_map(|stack| &stack.libraries);
        libraries.chain(self.before.values())
    }

    /// The same, to restore their files.
    pub(super) fn saved_libraries(&mut self) -> impl Iterator<Item = &mut SavedLibrary> {
        let stacks = self.active.iter_mut().chain(&mut self.good);
        let stacks = stacks.chain(self.history.stacks_mut());
        let libraries = stacks.flat_map(|stack| &mut stack.libraries);
        libraries.chain(self.before.values_mut())
    }

    pub(super) fn remember(&mut self, record: ReloadRecord) {
        self.reloads = self.reloads.max(record.number);
        self.history.changed(&record);
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
