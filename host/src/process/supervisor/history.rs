//! The stacks that have served, so that a person can go back to one.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::load::snapshot::Snapshot;
use crate::serve::generation::ReloadRecord;

/// How many stacks are kept besides the active one. Each keeps its libraries on the disk, which may be memory.
const EARLIER: usize = 3;

/// How many entries there are at most: a stack may serve several times.
const ENTRIES: usize = 12;

/// The last stacks, oldest first; the last one is active.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct History(VecDeque<ServedStack>);

/// A stack, from the moment it became active until another one did.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ServedStack {
    /// As it served last: later workers give it other generations.
    snapshot: Snapshot,
    /// Its first generation.
    first: u64,
    /// When it became active, in milliseconds since the Unix epoch.
    at: u64,
    /// When another one became active.
    until: Option<u64>,
    /// What it changed, one line each.
    changes: Vec<String>,
    /// The generation that had the same stack before.
    again: Option<u64>,
    /// Why it was rolled back, if it was.
    rolled_back: Option<String>,
}

impl ServedStack {
    fn served_as(&self, generation: u64) -> bool {
        (self.first..=self.snapshot.generation).contains(&generation)
    }
}

impl History {
    /// This stack is active from `now` on.
    pub(super) fn serves(&mut self, snapshot: Snapshot, now: u64) {
        self.share_copies(&snapshot);
        let is_same = |served: &&mut ServedStack| served.snapshot.state == snapshot.state;
        if let Some(active) = self.0.back_mut().filter(is_same) {
            active.snapshot = snapshot;
            return;
        }
        let mut again = None;
        for before in self.0.iter_mut().filter(is_same) {
            again = Some(before.snapshot.generation);
            before.rolled_back = None;
        }
        if let Some(before) = self.0.back_mut() {
            before.until = Some(now);
        }
        self.0.push_back(ServedStack {
            first: snapshot.generation,
            snapshot,
            at: now,
            until: None,
            changes: Vec::new(),
            again,
            rolled_back: None,
        });
        while self.0.len() > ENTRIES || self.distinct() > EARLIER + 1 {
            self.0.pop_front();
        }
    }

    /// How many stacks there are, however often each has served.
    fn distinct(&self) -> usize {
        let states = self.0.iter().map(|served| &served.snapshot.state);
        states.collect::<BTreeSet<_>>().len()
    }

    /// Keeps a library that the new stack has as well only once: each worker makes copies of its own.
    fn share_copies(&mut self, new: &Snapshot) {
        let stacks = self.0.iter_mut().map(|served| &mut served.snapshot);
        for library in stacks.flat_map(|stack| &mut stack.libraries) {
            let mut same = new.libraries.iter();
            if let Some(same) = same.find(|same| same.fingerprint == library.fingerprint) {
                library.copy.clone_from(&same.copy);
            }
        }
    }

    /// Gives up all but the active stack. Returns how many these were.
    pub(super) fn give_up_earlier(&mut self) -> usize {
        let earlier = self.0.len().saturating_sub(1);
        self.0.drain(..earlier).count()
    }

    /// Notes what the reload that made a stack active has changed.
    pub(super) fn changed(&mut self, record: &ReloadRecord) {
        let is_it = |served: &&mut ServedStack| served.first == record.generation;
        if let Some(active) = self.0.back_mut().filter(is_it)
            && !record.changes.is_empty()
        {
            active.changes.clone_from(&record.changes);
        }
    }

    /// The stack of this state was rolled back.
    pub(super) fn rolled_back(&mut self, state: &str, reason: &str) {
        for served in &mut self.0 {
            if served.snapshot.state == state {
                served.rolled_back = Some(reason.to_owned());
            }
        }
    }

    /// The stack that served as this generation.
    pub(super) fn find(&self, generation: u64) -> Option<&Snapshot> {
        let mut stacks = self.0.iter();
        let found = stacks.find(|served| served.served_as(generation))?;
        Some(&found.snapshot)
    }

    /// The stack to go back to: that of `generation`, or the last one that is not active and was not rolled back.
    ///
    /// # Errors
    ///
    /// Why there is none, as text for people.
    pub(super) fn target(&self, generation: Option<u64>) -> Result<&Snapshot, String> {
        let active = self.0.back().map(|served| &served.snapshot.state);
        let is_active = |served: &&ServedStack| Some(&served.snapshot.state) == active;
        let Some(generation) = generation else {
            let mut earlier = self.0.iter().rev();
            let target = earlier.find(|served| !is_active(served) && served.rolled_back.is_none());
            let none = || {
                format!(
                    "there is no stack to go back to: no other one has served, or it was rolled back\n\n{HELP}"
                )
            };
            return target.map(|served| &served.snapshot).ok_or_else(none);
        };
        match self.0.iter().find(|served| served.served_as(generation)) {
            Some(target) if is_active(&target) => {
                Err(format!("the stack of generation {generation} serves now"))
            }
            Some(target) => Ok(&target.snapshot),
            None => Err(format!(
                "the stack of generation {generation} is not kept\n\n{HELP}"
            )),
        }
    }

    /// All of them, to keep their libraries.
    pub(super) fn stacks(&self) -> impl Iterator<Item = &Snapshot> {
        self.0.iter().map(|served| &served.snapshot)
    }

    /// The same, to restore their files.
    pub(super) fn stacks_mut(&mut self) -> impl Iterator<Item = &mut Snapshot> {
        self.0.iter_mut().map(|served| &mut served.snapshot)
    }

    /// For `stackup history`, latest first.
    pub(super) fn to_json(&self) -> Value {
        let stacks = self.0.iter().rev().map(|served| {
            json!({
                "generation": served.snapshot.generation,
                "first_generation": served.first,
                "at": served.at,
                "until": served.until,
                "changes": served.changes,
                "again": served.again,
                "rolled_back": served.rolled_back,
            })
        });
        json!({ "stacks": stacks.collect::<Vec<_>>() })
    }
}

const HELP: &str = "help: `stackup history` lists the stacks that can serve again";

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
